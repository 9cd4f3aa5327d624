import * as z from 'zod';
import { descriptor, layer, platform } from './parts.ts';

// Notes in the folder where images of engines are kept between planning and exporting.

/** What an uncompressed layer became. */
export const spooledLayerSchema = descriptor;

/** What an image of an engine became. */
export const spooledImageSchema = z.object({
  platform,
  manifest: descriptor,
  config: descriptor,
  layers: z.array(layer).max(500),
  /** Is the manifest the one that its registry had? Otherwise it was made from the config. */
  isKept: z.boolean(),
});

export type SpooledImage = z.infer<typeof spooledImageSchema>;
