import * as z from 'zod';
import { size } from './parts.ts';

/** The layers that a bundle leaves out, since the far side has them; absent in reports where it leaves out none. */
export const leftOut = z
  .object({
    layers: size,
    bytes: size,
    /** Who has them. A layer that several have counts for the first. */
    bases: z.array(z.object({ name: z.string(), layers: size, bytes: size })),
  })
  .exactOptional();

export type LeftOutReport = NonNullable<z.infer<typeof leftOut>>;
