import type { LockedImage } from '../core/image.ts';
import type { Engine } from './engine.ts';
import type { loadImage } from './engine-load.ts';

/** How archives are brought to an engine and the engine is asked, where the way to it breaks often. */
export interface Staging {
  /** The engine as it is to be asked. */
  readonly over: (engine: Engine) => Engine;
  /**
   * Does all of the work that ends in an image being there, with nobody else at the same one; from its beginning once more
   * where somebody else was. So the work has to look first at what is there.
   */
  readonly alone: <T>(
    image: LockedImage,
    signal: AbortSignal | undefined,
    work: () => Promise<T>,
  ) => Promise<T>;
  /** Within such work. */
  readonly load: typeof loadImage;
  /** Removes what it left there. */
  readonly close: () => Promise<void>;
}
