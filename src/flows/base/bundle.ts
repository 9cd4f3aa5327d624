import type { BundleDocument } from '../../schema/bundle.ts';
import { baseOfImages, type Base } from './base.ts';

/** A bundle that was carried over: all its images, also those of which it leaves layers out, since they are whole over there. */
export function baseOfBundle(given: string, { name, sequence, images }: BundleDocument): Base {
  return baseOfImages(given, `bundle ${name} ${sequence}`, [images]);
}
