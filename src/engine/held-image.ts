import { isDeepStrictEqual } from 'node:util';
import { isDigest, type Digest } from '../core/digest.ts';
import type { LockedImage } from '../core/image.ts';
import { formatPlatform } from '../core/platform.ts';
import { parseReference, tagNameOf } from '../core/reference.ts';
import type { EngineFacts } from './docker-facts.ts';
import type { Engine } from './engine.ts';
import { engineWords } from './engine-words.ts';
import type { Inspection } from './inspection.ts';

/** How what an engine holds under a name compares with the image that is meant. */
export type Comparison =
  | { readonly state: 'same'; readonly id: Digest }
  /** The engine has none of that name. */
  | { readonly state: 'absent' }
  /** It has the ID of the image that is meant, but lacks some of it, or contradicts it. */
  | { readonly state: 'faulty'; readonly reason: string }
  /** The name stands for another image; the ID is the engine's, for messages. */
  | { readonly state: 'other'; readonly id: string };

/**
 * Inspects an image by its name, or by its ID where the reference has no tag, and compares all that the engine tells:
 * ID, layers, platform, and on the containerd store whether the content is really there.
 */
export async function compareHeld(
  engine: Pick<Engine, 'facts' | 'inspect'>,
  image: LockedImage,
  signal?: AbortSignal,
): Promise<Comparison> {
  const { facts } = engine;
  const key = tagNameOf(parseReference(image.reference)) ?? image[facts.idOf].digest;
  const held = await engine.inspect(key, signal);
  return held === undefined ? { state: 'absent' } : compare(held, facts, image);
}

function compare(held: Inspection, facts: EngineFacts, image: LockedImage): Comparison {
  const id = held.Id;
  // An image that was pulled by its index has the index's digest as ID; the manifest is one of its members.
  const member = held.Manifests?.find(({ Descriptor }) => Descriptor.digest === image.manifest.digest);
  const isMeant =
    id === image[facts.idOf].digest || member !== undefined || isPulledByIndex(held, facts, image);
  if (!isDigest(id) || !isMeant) return { state: 'other', id: engineWords(id) };

  // Docker 29 tells layers from the config alone, whether their content is there or not.
  if (held.Manifests && member?.Available !== true) return faulty('lacks some of its content');
  // It names an image first and unpacks it then; what could not be unpacked cannot run.
  if (image.layers.length > 0 && member?.ImageData?.Size?.Unpacked === 0)
    return faulty(`has not unpacked it${whyNotUnpacked(facts, image)}`);
  const layers = held.RootFS?.Layers ?? [];
  if (layers.length !== image.layers.length) {
    return faulty(`lists ${layers.length} layers for it, not ${image.layers.length}`);
  }
  if (image.layers.some(({ diffId }, at) => diffId !== layers[at]))
    return faulty('lists other layers for it');
  const { os, architecture } = image.platform;
  if (held.Os !== os || held.Architecture !== architecture) {
    const told = engineWords(`${held.Os ?? 'unknown'}/${held.Architecture ?? 'unknown'}`);
    return faulty(`says that it is for ${told}, not ${os}/${architecture}`);
  }
  return { state: 'same', id };
}

/**
 * Before API 1.48 the containerd store does not tell of which manifests an index consists. Then equal layers and an equal
 * platform have to do: an image that was pulled by its index must not pass for another one.
 */
function isPulledByIndex(held: Inspection, { idOf }: EngineFacts, image: LockedImage): boolean {
  if (idOf !== 'manifest' || held.Manifests) return false;
  const { os, architecture } = image.platform;
  const diffIds = image.layers.map(({ diffId }) => diffId);
  return (
    isDeepStrictEqual(held.RootFS?.Layers, diffIds) && held.Os === os && held.Architecture === architecture
  );
}

function faulty(what: string): Comparison {
  return { state: 'faulty', reason: `the engine ${what}` };
}

/** Its containerd store unpacks what its machine runs, and keeps the rest packed. */
function whyNotUnpacked({ os, architecture }: EngineFacts, { platform }: LockedImage): string {
  if (os === undefined || architecture === undefined) return '';
  if (platform.os === os && platform.architecture === architecture) return '';
  return `: it is for ${formatPlatform(platform)}, and the machine runs ${engineWords(`${os}/${architecture}`)}`;
}
