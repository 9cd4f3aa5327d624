import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { LockedImage } from '../../src/core/image.ts';
import type { RequiredBlob } from '../../src/schema/bundle.ts';
import { withBundleFixture, type BundleFixture } from './bundle-fixture.ts';
import { contentWith } from './delta-content.ts';

/** A bundle, and the next one of its stream, which leaves out the layers of the first. */
export interface BaseAndDelta extends BundleFixture {
  /** Holds `python` and `powershell`. */
  readonly base: string;
  /** Holds `python` and two images that stand on its layers. */
  readonly delta: string;
  readonly python: LockedImage;
  readonly powershell: LockedImage;
  /** The images of `delta`. */
  readonly newer: readonly LockedImage[];
  readonly requires: readonly RequiredBlob[];
  /** The file of keys to trust. */
  readonly trusted: string;
}

export interface DeltaOptions {
  /** The stream of the base. Default: that of the delta. */
  readonly baseName?: string;
  /** Seconds after which the base expires. Default: never. */
  readonly baseExpires?: number;
  /** Is an image of the base named for each layer? Default: true. */
  readonly namesImage?: boolean;
}

/** Runs with both in a new temporary folder. */
export async function withBaseAndDelta<T>(
  use: (made: BaseAndDelta) => Promise<T>,
  { baseName = 'test', baseExpires, namesImage = true }: DeltaOptions = {},
): Promise<T> {
  return withBundleFixture(async (fixture) => {
    const { folder, images, allowedLine, write } = fixture;
    const at = (name: string): string => path.join(folder, name);
    const [python, crypto, powershell, tools] = images;
    if (python === undefined || crypto === undefined || powershell === undefined || tools === undefined)
      throw new Error('no images');
    const newer = [python, crypto, tools];
    const requires = python.layers.map(({ mediaType, digest, size }) => ({
      ...{ mediaType, digest, size },
      base: `bundle ${baseName} 1`,
      ...(namesImage ? { image: python.reference } : {}),
    }));
    const expiring = baseExpires === undefined ? {} : { expiresAfter: baseExpires };
    await write(at('base'), {
      sequence: 1,
      content: { ...contentWith([python, powershell]), name: baseName, ...expiring },
    });
    await write(at('delta'), {
      sequence: 2,
      content: contentWith(newer, { requires, base: [`bundle ${baseName} 1`] }),
    });
    await writeFile(at('trusted'), allowedLine);
    const made = { base: at('base'), delta: at('delta'), trusted: at('trusted') };
    return use({ ...fixture, ...made, python, powershell, newer, requires });
  });
}
