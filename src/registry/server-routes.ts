import type { IncomingHttpHeaders } from 'node:http';
import { isDigest } from '../core/digest.ts';
import { isRepositoryPath, isTag } from '../core/reference.ts';
import type { ServedContent } from '../core/served.ts';
import { errorAnswer, isKnownToClient, jsonAnswer, type ServerAnswer } from './server-answers.ts';
import { listAnswer } from './server-listing.ts';
import { wantedRange } from './server-range.ts';

/** What a request asks for, as far as the server looks at it. */
export interface ServerRequest {
  readonly method: string;
  /** Path and query, as they came. */
  readonly target: string;
  readonly headers: IncomingHttpHeaders;
}

/**
 * Answers a request to the read-only part of the distribution specification. Names are only ever looked up in
 * `content`: no path of a request reaches a file system.
 */
export async function answerTo(request: ServerRequest, content: ServedContent): Promise<ServerAnswer> {
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    return errorAnswer(405, 'UNSUPPORTED', 'this registry is read-only', { allow: 'GET, HEAD' });
  }
  const url = urlOf(request.target);
  const path = url === undefined ? undefined : decoded(url.pathname);
  if (url === undefined || path === undefined)
    return errorAnswer(400, 'UNSUPPORTED', 'the address is malformed');
  if (path === '/v2/' || path === '/v2') return jsonAnswer({});
  if (path === '/v2/_catalog') return listAnswer(url, 'repositories', await content.repositories());

  const [, name = '', kind, last = ''] = /^\/v2\/(.+)\/(manifests|blobs|tags)\/([^/]+)$/.exec(path) ?? [];
  if (kind === undefined || (kind === 'tags' && last !== 'list')) {
    return errorAnswer(404, 'UNSUPPORTED', 'there is nothing at this address');
  }
  if (!isRepositoryPath(name)) return errorAnswer(400, 'NAME_INVALID', 'invalid repository name');
  if (kind === 'manifests') return manifestAnswer(name, last, request, content);
  if (kind === 'blobs') return blobAnswer(name, last, request, content);
  const tags = await content.tags(name);
  return tags === undefined ? nameUnknown() : listAnswer(url, 'tags', tags, { name });
}

async function manifestAnswer(
  name: string,
  reference: string,
  { headers }: ServerRequest,
  content: ServedContent,
): Promise<ServerAnswer> {
  const invalid = referenceFault(reference);
  if (invalid !== undefined) return invalid;
  const manifest = await content.manifest(name, reference);
  if (manifest === undefined) {
    const known = (await content.tags(name)) !== undefined;
    return known ? errorAnswer(404, 'MANIFEST_UNKNOWN', 'manifest unknown to the repository') : nameUnknown();
  }
  const { digest, mediaType } = manifest.descriptor;
  const tags = { etag: `"${digest}"`, 'docker-content-digest': digest };
  if (isKnownToClient(headers['if-none-match'], tags.etag)) return { status: 304, headers: tags };
  return { status: 200, headers: { ...tags, 'content-type': mediaType }, bytes: manifest.bytes };
}

async function blobAnswer(
  name: string,
  digest: string,
  { headers }: ServerRequest,
  content: ServedContent,
): Promise<ServerAnswer> {
  if (!isDigest(digest)) return errorAnswer(400, 'DIGEST_INVALID', 'not a sha256 digest');
  const blob = await content.blob(name, digest);
  if (blob === undefined) return errorAnswer(404, 'BLOB_UNKNOWN', 'blob unknown to the repository');
  const etag = `"${digest}"`;
  const tags = { etag, 'docker-content-digest': digest, 'accept-ranges': 'bytes' };
  if (isKnownToClient(headers['if-none-match'], etag)) return { status: 304, headers: tags };

  const unchanged = (headers['if-range'] ?? etag) === etag;
  const range = wantedRange(unchanged ? headers.range : undefined, blob.size);
  const binary = { ...tags, 'content-type': 'application/octet-stream' };
  switch (range.kind) {
    case 'none':
      return errorAnswer(416, 'UNSUPPORTED', 'the range lies beyond the end', {
        'content-range': `bytes */${blob.size}`,
      });
    case 'part': {
      const { from, end } = range;
      return {
        status: 206,
        headers: { ...binary, 'content-range': `bytes ${from}-${end - 1}/${blob.size}` },
        stream: { size: end - from, open: () => blob.open(from, end) },
      };
    }
    case 'all':
      return { status: 200, headers: binary, stream: { size: blob.size, open: () => blob.open() } };
  }
}

function referenceFault(reference: string): ServerAnswer | undefined {
  if (isDigest(reference) || isTag(reference)) return undefined;
  return reference.includes(':')
    ? errorAnswer(400, 'DIGEST_INVALID', 'not a sha256 digest')
    : errorAnswer(400, 'TAG_INVALID', 'invalid tag');
}

function nameUnknown(): ServerAnswer {
  return errorAnswer(404, 'NAME_UNKNOWN', 'repository name not known to the registry');
}

function urlOf(target: string): URL | undefined {
  // The host does not matter: only path and query are looked at.
  const text = `http://registry${target}`;
  return target.startsWith('/') && URL.canParse(text) ? new URL(text) : undefined;
}

/** Some clients write the colon of a digest as %3A. */
function decoded(path: string): string | undefined {
  try {
    return decodeURIComponent(path);
  } catch {
    return undefined;
  }
}
