import { isDigest, type Digest } from '../core/digest.ts';
import { PackferryError } from '../core/errors.ts';
import { configFits, formatPlatform, platformFrom, type Platform } from '../core/platform.ts';
import { formatReference, nameOf, tagNameOf, type ImageReference } from '../core/reference.ts';
import type { EngineFacts } from './docker-facts.ts';
import type { Engine } from './engine.ts';
import { engineWords } from './engine-words.ts';
import type { Inspection } from './inspection.ts';

/**
 * Asks an engine for the image that a reference means, before anything is saved. Throws `E_IMAGE_NOT_FOUND`,
 * `E_PLATFORM_NOT_FOUND`, `E_IMAGE_INCOMPLETE` when the engine says itself that it lacks some of it, and what
 * inspecting throws.
 */
export async function askForImage(
  engine: Engine,
  reference: ImageReference,
  platform: Platform,
  signal: AbortSignal,
): Promise<{ id: Digest; inspection: Inspection }> {
  const { facts } = engine;
  const key =
    reference.digest === undefined
      ? (tagNameOf(reference) ?? nameOf(reference))
      : `${nameOf(reference)}@${reference.digest}`;
  const inspection = await engine.inspect(key, signal);
  const what = `${formatReference(reference)}: ${engine.name}`;
  if (inspection === undefined) throw notFound(reference, facts, what);
  // The engine unpacks images and forgets their manifests.
  if (facts.idOf === 'config' && reference.digest !== undefined) throw digestLost(what);
  if (!isDigest(inspection.Id)) {
    const words = engineWords(inspection.Id);
    throw new PackferryError('E_ENGINE_PROTOCOL', `${what}: ${words} is no image ID`, {
      hint: 'Is this the socket of Docker or Podman?',
    });
  }
  checkPlatform(inspection, platform, what);
  return { id: inspection.Id, inspection };
}

function notFound(reference: ImageReference, { product }: EngineFacts, what: string): PackferryError {
  const { registry, repository, tag = '' } = reference;
  const isShort = registry === 'docker.io' && repository.startsWith('library/');
  const own = `localhost/${repository.slice('library/'.length)}:${tag}`;
  const hint =
    product === 'podman' && isShort
      ? `Podman names images that were built there ${own}. See "podman images".`
      : `See "${product} images": the name must be there as a whole.`;
  return new PackferryError('E_IMAGE_NOT_FOUND', `${what} does not have it`, { hint });
}

/** The error for an image that the engine has, without the manifest that gave it its digest. */
export function digestLost(what: string): PackferryError {
  return new PackferryError(
    'E_IMAGE_NOT_FOUND',
    `${what} has the image, but not the manifest of this digest`,
    {
      hint: 'Engines that unpack images do not keep it. Take the image from its registry, or name it by its tag.',
    },
  );
}

function checkPlatform(held: Inspection, wanted: Platform, what: string): void {
  const members = held.Manifests ?? [];
  const offered = members.flatMap((member) => {
    const platform = platformFrom(member.ImageData?.Platform ?? member.Descriptor.platform);
    return platform === undefined || platform.os === 'unknown'
      ? []
      : [{ platform, isThere: member.Available }];
  });
  const fitting = offered.filter(({ platform }) => configFits(platform, wanted));
  if (fitting.some(({ isThere }) => isThere)) return;
  // Without its config the engine does not know what an image is for.
  const isUnknown = offered.length === 0 && members.some(({ Available }) => !Available);
  if (fitting.length > 0 || isUnknown) {
    throw new PackferryError(
      'E_IMAGE_INCOMPLETE',
      `${what} lacks some of its content for ${formatPlatform(wanted)}`,
      {
        hint: `Pull it there: docker pull --platform ${formatPlatform(wanted)}. Or take it from its registry.`,
      },
    );
  }
  // Engines without that list hold one platform.
  const one = platformFrom({
    os: held.Os ?? '',
    architecture: held.Architecture ?? '',
    variant: held.Variant,
  });
  if (offered.length === 0 && one !== undefined && configFits(one, wanted)) return;
  const there = offered.length > 0 ? offered.map(({ platform }) => platform) : one === undefined ? [] : [one];
  const texts = engineWords(there.map(formatPlatform).join(', '));
  throw new PackferryError(
    'E_PLATFORM_NOT_FOUND',
    `${what} has no image for ${formatPlatform(wanted)}; there is ${texts}`,
    { hint: 'Choose another platform or another tag.' },
  );
}
