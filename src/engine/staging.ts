import type { Engine } from './engine.ts';
import type { loadImage } from './engine-load.ts';

/** How archives are brought to an engine and the engine is asked, where the way to it breaks often. */
export interface Staging {
  /** The engine as it is to be asked. */
  readonly over: (engine: Engine) => Engine;
  readonly load: typeof loadImage;
  /** Removes what it left there. */
  readonly close: () => Promise<void>;
}
