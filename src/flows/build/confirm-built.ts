import { isDigest, type Digest } from '../../core/digest.ts';
import { PackferryError } from '../../core/errors.ts';
import type { Engine } from '../../engine/engine.ts';
import { engineWords } from '../../engine/engine-words.ts';
import type { BaseImage } from './base-image.ts';
import { baseIdLabel } from './labels.ts';

/**
 * Asks the engine what it has built: is it there, does it begin with the layers of the base, and does it say so? Whoever
 * moved the name of the base meanwhile is found out here. Returns the whole ID. Throws `E_NOT_CONFIRMED`.
 */
export async function confirmBuilt(
  engine: Engine,
  image: string,
  id: string,
  base: BaseImage,
  signal: AbortSignal,
): Promise<Digest> {
  const held = await engine.inspect(id, signal);
  const wrong = (why: string): PackferryError =>
    new PackferryError('E_NOT_CONFIRMED', `${image}: ${engine.name} says that it built ${id}, but ${why}`, {
      hint: 'It got no name. Run again; if that does not help, look into the log of the engine.',
    });
  if (held === undefined) throw wrong('has no such image');
  const layers = held.RootFS?.Layers ?? [];
  if (!isDigest(held.Id)) throw wrong(`calls it ${engineWords(held.Id)}`);
  if (layers.length <= base.layers.length || base.layers.some((layer, at) => layers[at] !== layer))
    throw wrong(`it does not stand on ${base.name} as it was (${base.id})`);
  const label = held.Config?.Labels?.[baseIdLabel];
  if (label !== base.id) throw wrong(`its label ${baseIdLabel} is ${engineWords(label ?? '')}`);
  return held.Id;
}
