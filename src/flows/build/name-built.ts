import type { Emit } from '../../core/events.ts';
import { formatReference, parseReference, tagNameOf, type ImageReference } from '../../core/reference.ts';
import { tagConflict } from '../../core/tag-conflict.ts';
import type { Engine } from '../../engine/engine.ts';
import { nameImage } from '../../engine/image-names.ts';
import { asideName, type OnExisting } from '../on-existing.ts';

/** What happens where the name of a new image stands for another one. */
export type OnExistingName = Exclude<OnExisting, 'keep'>;

/** Before anything is built: throws `E_TAG_CONFLICT` where the name is taken and may not be moved. */
export async function refuseTaken(
  engine: Engine,
  name: ImageReference,
  onExisting: OnExistingName,
  signal: AbortSignal,
): Promise<void> {
  await holderOf(engine, name, onExisting, signal);
}

/** Gives a new image its name; who had it keeps another one where that is asked for. Throws `E_TAG_CONFLICT`, `E_NOT_CONFIRMED`. */
export async function nameBuilt(
  engine: Engine,
  id: string,
  name: ImageReference,
  options: { readonly onExisting: OnExistingName; readonly emit: Emit; readonly signal: AbortSignal },
): Promise<void> {
  const { onExisting, emit, signal } = options;
  // Asked again: a build takes long enough for somebody else to take the name.
  const holder = await holderOf(engine, name, onExisting, signal);
  if (holder !== undefined && holder !== id) {
    const had = `${formatReference(name)}: ${engine.name} had another image of this name, ${holder}`;
    const aside = typeof onExisting === 'string' ? undefined : asideName(name, onExisting.retag);
    if (aside !== undefined) await nameImage(engine, holder, parseReference(aside), signal);
    const fate = aside === undefined ? ', which has lost it' : `: it is kept as ${aside}`;
    emit({ type: 'note', level: 'warning', message: `${had}${fate}` });
  }
  await nameImage(engine, id, name, signal);
}

async function holderOf(
  engine: Engine,
  name: ImageReference,
  onExisting: OnExistingName,
  signal: AbortSignal,
): Promise<string | undefined> {
  const held = await engine.inspect(tagNameOf(name) ?? formatReference(name), signal);
  if (held === undefined || onExisting !== 'error') return held?.Id;
  throw tagConflict(engine.name, formatReference(name), {
    ...{ state: 'conflict', holder: held.Id },
    hint: 'Give the new one another tag, or say what happens to the old one: --on-existing retag (it is kept under another name) or overwrite.',
  });
}

const vendors = /^(?:demisto|demistoextended|devdemisto)\//;

/** What to know of a name where XSOAR is to use it (Administrator Guide, "Create a Docker Image"). */
export function nameNotes({ registry, repository, written }: ImageReference): readonly string[] {
  if (registry !== 'docker.io') return [];
  const own = `localhost/${repository.replace(/^library\//, '')}`;
  if (vendors.test(repository)) {
    return [
      `${written} is named like an image of the vendor: whoever updates those may replace it. A name of your own cannot be mistaken: ${own}`,
    ];
  }
  return [
    `Where XSOAR takes images from a registry of its own (python.docker.registry), the vendor asks for names that begin with localhost, as ${own}`,
  ];
}
