import type { IncomingHttpHeaders } from 'node:http';
import { isDigest } from '../core/digest.ts';
import { mediaTypes } from '../core/media-types.ts';
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

/** A request about one repository. */
interface Asked extends ServerRequest {
  readonly url: URL;
  /** The repository as the client names it. */
  readonly name: string;
  /** The same as the content names it. */
  readonly repository: string;
  /** A tag or digest, or what else the last part of the path is. */
  readonly last: string;
  readonly content: ServedContent;
}

type Answering = (asked: Asked) => ServerAnswer | Promise<ServerAnswer>;

const endpoints: Readonly<Record<string, Answering>> = {
  manifests: manifestAnswer,
  blobs: blobAnswer,
  tags: tagsAnswer,
  referrers: referrersAnswer,
};

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

  const [, name = '', kind = '', last = ''] = /^\/v2\/(.+)\/([a-z]+)\/([^/]+)$/.exec(path) ?? [];
  const answer = Object.hasOwn(endpoints, kind) ? endpoints[kind] : undefined;
  if (answer === undefined) return errorAnswer(404, 'UNSUPPORTED', 'there is nothing at this address');
  if (!isRepositoryPath(name)) return errorAnswer(400, 'NAME_INVALID', 'invalid repository name');
  // Section "Registry Proxying": the registry that the client of a mirror means.
  const registry = url.searchParams.get('ns') ?? undefined;
  const repository = content.repositoryNamed?.(name, registry) ?? name;
  const answered = await answer({ ...request, url, name, repository, last, content });
  if (registry === undefined || content.repositoryNamed === undefined || answered.status >= 400)
    return answered;
  return { ...answered, headers: { ...answered.headers, 'oci-namespace': registry } };
}

async function manifestAnswer({ repository, last, headers, content }: Asked): Promise<ServerAnswer> {
  if (isMalformedDigest(last)) return digestInvalid();
  const isName = isDigest(last) || isTag(last);
  const manifest = isName ? await content.manifest(repository, last) : undefined;
  if (manifest === undefined) {
    const known = (await content.tags(repository)) !== undefined;
    return known ? errorAnswer(404, 'MANIFEST_UNKNOWN', 'manifest unknown to the repository') : nameUnknown();
  }
  const { digest, mediaType } = manifest.descriptor;
  const tags = { etag: `"${digest}"`, 'docker-content-digest': digest };
  if (isKnownToClient(headers['if-none-match'], tags.etag)) return { status: 304, headers: tags };
  return { status: 200, headers: { ...tags, 'content-type': mediaType }, bytes: manifest.bytes };
}

async function blobAnswer({
  method,
  repository,
  last: digest,
  headers,
  content,
}: Asked): Promise<ServerAnswer> {
  if (!digest.includes(':') || isMalformedDigest(digest)) return digestInvalid();
  const blob = isDigest(digest) ? await content.blob(repository, digest) : undefined;
  if (blob === undefined) return errorAnswer(404, 'BLOB_UNKNOWN', 'blob unknown to the repository');
  const etag = `"${digest}"`;
  const tags = { etag, 'docker-content-digest': digest, 'accept-ranges': 'bytes' };
  if (isKnownToClient(headers['if-none-match'], etag)) return { status: 304, headers: tags };

  const unchanged = (headers['if-range'] ?? etag) === etag;
  // Ranges are defined for GET only (RFC 9110, section 14.2): HEAD tells the size of the whole.
  const range = wantedRange(unchanged && method === 'GET' ? headers.range : undefined, blob.size);
  const binary = { ...tags, 'content-type': 'application/octet-stream' };
  switch (range.kind) {
    case 'none':
      return errorAnswer(416, 'UNSUPPORTED', 'the range lies outside the blob', {
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

async function tagsAnswer({ url, name, repository, last, content }: Asked): Promise<ServerAnswer> {
  if (last !== 'list') return errorAnswer(404, 'UNSUPPORTED', 'there is nothing at this address');
  const tags = await content.tags(repository);
  return tags === undefined ? nameUnknown() : listAnswer(url, 'tags', tags, { name });
}

/** Nothing refers to an image here: an empty index says so, and no client looks further. */
async function referrersAnswer({ url, repository, last, content }: Asked): Promise<ServerAnswer> {
  if (!last.includes(':') || isMalformedDigest(last)) return digestInvalid();
  if ((await content.tags(repository)) === undefined) return nameUnknown();
  const filtered = url.searchParams.has('artifactType') ? { 'oci-filters-applied': 'artifactType' } : {};
  const index = { schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests: [] };
  return jsonAnswer(index, { 'content-type': mediaTypes.ociIndex, ...filtered });
}

/** A digest of another algorithm is well formed, and unknown here (OCI image specification, "Digests"). */
function isMalformedDigest(text: string): boolean {
  if (!text.includes(':') || isDigest(text)) return false;
  return text.startsWith('sha256:') || !/^[a-z0-9]+(?:[+._-][a-z0-9]+)*:[a-zA-Z0-9=_-]{1,256}$/.test(text);
}

function digestInvalid(): ServerAnswer {
  return errorAnswer(400, 'DIGEST_INVALID', 'not a digest');
}

function nameUnknown(): ServerAnswer {
  return errorAnswer(404, 'NAME_UNKNOWN', 'repository name not known to the registry');
}

/** Clients of proxies send the whole address (RFC 9112, section 3.2.2); only path and query are looked at. */
function urlOf(target: string): URL | undefined {
  const text = target.startsWith('/') ? `http://registry${target}` : target;
  return /^https?:\/\//i.test(text) && URL.canParse(text) ? new URL(text) : undefined;
}

/** Some clients write the colon of a digest as %3A. */
function decoded(path: string): string | undefined {
  try {
    return decodeURIComponent(path);
  } catch {
    return undefined;
  }
}
