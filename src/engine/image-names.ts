import { PackferryError } from '../core/errors.ts';
import { formatReference, nameOf, tagNameOf, type ImageReference } from '../core/reference.ts';
import type { DockerApi } from './docker-api.ts';
import { tellDocker } from './docker-ask.ts';
import type { EngineFacts } from './docker-facts.ts';
import { engineWords } from './engine-words.ts';
import { inspectImage } from './inspection.ts';

/**
 * Gives an image of an engine a name, which is taken from whatever had it, and asks whether it now stands for it. Throws
 * `E_NOT_CONFIRMED` when it does not, and what asking throws.
 */
export async function nameImage(
  api: DockerApi,
  facts: EngineFacts,
  id: string,
  name: ImageReference,
  signal: AbortSignal,
): Promise<void> {
  const { tag = '' } = name;
  const path = `/images/${encodeURIComponent(id)}/tag`;
  await tellDocker(api, { method: 'POST', path, query: { repo: nameOf(name), tag }, signal });
  const held = await inspectImage(api, facts, tagNameOf(name) ?? formatReference(name), signal);
  if (held?.Id === id) return;
  const stands = held === undefined ? 'is not there' : `stands for ${engineWords(held.Id)}`;
  throw new PackferryError(
    'E_NOT_CONFIRMED',
    `${formatReference(name)}: ${api.name} was to name ${id} so, but the name ${stands}`,
    {
      hint: 'Nothing else was changed. Look into the log of the engine.',
    },
  );
}

/** Takes a name away, if there is one; the image goes when it was its last. */
export async function removeName(
  api: DockerApi,
  facts: EngineFacts,
  name: string,
  signal: AbortSignal,
): Promise<void> {
  if ((await inspectImage(api, facts, name, signal)) === undefined) return;
  await tellDocker(api, { method: 'DELETE', path: `/images/${name}`, signal });
}
