import { collect } from '../../core/collect.ts';
import { digestOf, isDigest, type Digest } from '../../core/digest.ts';
import { PackferryError } from '../../core/errors.ts';
import { limits } from '../../core/limits.ts';
import { mediaTypes } from '../../core/media-types.ts';
import { manifestAccept } from '../documents.ts';
import { discard, headerOf } from '../transport.ts';
import { refusedWith } from './fault.ts';
import type { Place } from './place.ts';
import { otherDigest, type Writer } from './writer.ts';

export interface ManifestBytes {
  readonly digest: Digest;
  readonly mediaType: string;
  readonly bytes: Buffer;
}

export interface ManifestAsking {
  readonly writer: Writer;
  /** The image, for messages. */
  readonly what: string;
  readonly signal: AbortSignal | undefined;
}

/** The digest of what stands under a name, by the registry's word; undefined when there is nothing. */
export async function holderOf(
  { path, name }: Pick<Place, 'path' | 'name'>,
  asking: ManifestAsking,
): Promise<Digest | undefined> {
  const { writer, what, signal } = asking;
  const answer = await writer.ask(writer.repository(path), {
    ...{ path: `manifests/${name}`, method: 'HEAD', headers: { accept: manifestAccept } },
    ...{ expects: [200, 404], what, signal },
  });
  if (answer.status === 404) return undefined;
  const said = headerOf(answer, 'docker-content-digest') ?? '';
  // Some do not say it.
  return isDigest(said) ? said : (await getManifest({ path, name }, asking))?.digest;
}

/** The manifest that stands under a name or digest; undefined when there is none. */
export async function getManifest(
  { path, name }: Pick<Place, 'path' | 'name'>,
  { writer, what, signal }: ManifestAsking,
): Promise<ManifestBytes | undefined> {
  const request = { path: `manifests/${name}`, headers: { accept: manifestAccept }, what, signal };
  return writer.send(writer.repository(path), { ...request, expects: [200, 404] }, async (answer) => {
    if (answer.status === 404) {
      await discard(answer);
      return undefined;
    }
    const bytes = await collect(answer.body, limits.imageManifest, what);
    const mediaType = headerOf(answer, 'content-type')?.split(';')[0]?.trim() ?? '';
    if (mediaType === 'text/html') {
      const message = `${what}: ${answer.url.host} answers with a page for browsers, not as a registry does`;
      throw new PackferryError('E_TARGET_PROTOCOL', message, {
        hint: 'Check host and port: what answers there is another server, or a portal before it that wants a log-in.',
      });
    }
    return { digest: digestOf(bytes), mediaType, bytes };
  });
}

/**
 * Puts a manifest under a name, its bytes unchanged. Throws `E_NOT_CONFIRMED` when the registry makes another one of it,
 * `E_TARGET_UNWRITABLE` when it takes none of Docker's own kind.
 */
export async function putManifest(
  { path, name }: Pick<Place, 'path' | 'name'>,
  { digest, mediaType, bytes }: ManifestBytes,
  { writer, what, signal }: ManifestAsking,
): Promise<void> {
  const asked = writer.ask(writer.repository(path), {
    ...{ path: `manifests/${name}`, method: 'PUT', expects: [200, 201, 202, 204], what, signal },
    headers: { 'content-type': mediaType },
    content: { bytes },
  });
  const answer = await asked.catch((fault: unknown) => {
    throw wantsOther(fault, mediaType);
  });
  const other = otherDigest(answer, digest);
  if (other === undefined) return;
  throw new PackferryError('E_NOT_CONFIRMED', `${what}: the registry took its manifest as ${other}`, {
    hint: 'This registry changes what it is given, so the image there is not the one that was signed.',
  });
}

/** What to throw when a manifest was refused: some registries (zot, as it is delivered) take only those of the OCI. */
function wantsOther(fault: unknown, mediaType: string): unknown {
  const isOther = mediaType === mediaTypes.dockerManifest && fault instanceof PackferryError;
  if (!isOther || refusedWith(fault) !== 415) return fault;
  return new PackferryError(
    'E_TARGET_UNWRITABLE',
    `${fault.message}: it takes no manifests of Docker's own kind`,
    {
      hint: 'Have the registry take them: zot does with "compat": ["docker2s2"] in the "http" part of its settings. They cannot be made into others: the digest of the manifest is signed.',
      cause: fault,
    },
  );
}

/** Takes a tag away. Not every registry can. */
export async function deleteTag(
  { path, name }: Pick<Place, 'path' | 'name'>,
  { writer, what, signal }: ManifestAsking,
): Promise<void> {
  await writer.ask(writer.repository(path), {
    ...{ path: `manifests/${name}`, method: 'DELETE', expects: [200, 202, 204, 404], what, signal },
  });
}
