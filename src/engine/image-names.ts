import { PackferryError } from '../core/errors.ts';
import { formatReference, tagNameOf, type ImageReference } from '../core/reference.ts';
import type { Engine } from './engine.ts';
import { engineWords } from './engine-words.ts';

/**
 * Gives an image of an engine a name, which is taken from whatever had it, and asks whether it now stands for it. Throws
 * `E_NOT_CONFIRMED` when it does not, and what asking throws.
 */
export async function nameImage(
  engine: Engine,
  id: string,
  name: ImageReference,
  signal: AbortSignal,
): Promise<void> {
  await engine.tag(id, name, signal);
  const held = await engine.inspect(tagNameOf(name) ?? formatReference(name), signal);
  if (held?.Id === id) return;
  const stands = held === undefined ? 'is not there' : `stands for ${engineWords(held.Id)}`;
  throw new PackferryError(
    'E_NOT_CONFIRMED',
    `${formatReference(name)}: ${engine.name} was to name ${id} so, but the name ${stands}`,
    {
      hint: 'Nothing else was changed. Look into the log of the engine.',
    },
  );
}

/** Takes a name away, if there is one; the image goes when it was its last. */
export async function removeName(engine: Engine, name: string, signal: AbortSignal): Promise<void> {
  if ((await engine.inspect(name, signal)) !== undefined) await engine.untag(name, signal);
}

/** Takes an image away that has no name. One that has one stays: whoever asks knows nothing of that. */
export async function removeNameless(engine: Engine, id: string, signal: AbortSignal): Promise<void> {
  const held = await engine.inspect(id, signal);
  if (held !== undefined && (held.RepoTags ?? []).length === 0) await engine.untag(held.Id, signal);
}
