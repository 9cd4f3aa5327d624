import { isDigest, type Digest } from './digest.ts';
import { PackferryError } from './errors.ts';

/**
 * A container image reference, normalised as Docker's clients do it: registry always present, Docker Hub as
 * `docker.io`, its official images under `library/`. `tag` or `digest` or both are present.
 */
export interface ImageReference {
  /** Host and port, e.g. `docker.io`, `registry.example:5000`, `[2001:db8::1]:5000`. */
  readonly registry: string;
  /** Path on the registry, lower case, e.g. `demisto/python3`. */
  readonly repository: string;
  readonly tag?: string;
  readonly digest?: Digest;
  /** As it was written, for messages. */
  readonly written: string;
}

// The grammar of the distribution project, from named parts:
// https://github.com/distribution/reference/blob/main/regexp.go
const alphanumeric = '[a-z0-9]+';
const separator = '(?:[._]|__|[-]+)';
const pathComponent = `${alphanumeric}(?:${separator}${alphanumeric})*`;
const path = `${pathComponent}(?:/${pathComponent})*`;
const domainComponent = '(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])';
const domainName = `${domainComponent}(?:\\.${domainComponent})*`;
const ipv6 = '\\[[a-fA-F0-9:]+\\]';
const domain = `(?:${domainName}|${ipv6})(?::[0-9]+)?`;
const tag = '\\w[\\w.-]{0,127}';
const digest = '[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}';

const domainPattern = new RegExp(`^${domain}$`);
const pathPattern = new RegExp(`^${path}$`);
const tagPattern = new RegExp(`^${tag}$`);
const digestPattern = new RegExp(`^${digest}$`);

const hub = 'docker.io';
const maxNameLength = 255;
const maxTagLength = 128;

/**
 * Reads an image reference as it stands in a pack or a manifest. Short names mean Docker Hub; a reference with
 * neither tag nor digest means `latest`. Throws `E_REFERENCE_INVALID` with what is wrong.
 */
export function parseReference(text: string): ImageReference {
  const at = text.indexOf('@');
  const beforeDigest = at < 0 ? text : text.slice(0, at);
  const digestText = at < 0 ? undefined : text.slice(at + 1);
  const colon = beforeDigest.lastIndexOf(':');
  const hasTag = colon > beforeDigest.lastIndexOf('/') && colon > beforeDigest.lastIndexOf(']');
  const name = hasTag ? beforeDigest.slice(0, colon) : beforeDigest;
  const tagText = hasTag ? beforeDigest.slice(colon + 1) : undefined;

  const { registry, repository } = splitName(name, text);
  if (tagText !== undefined && !tagPattern.test(tagText)) {
    const isLong = tagText.length > maxTagLength;
    throw invalid(
      text,
      isLong ? `tags have at most ${maxTagLength} characters` : `${shown(tagText)} is no tag`,
    );
  }
  if (digestText !== undefined && !isDigest(digestText)) {
    const why = digestPattern.test(digestText)
      ? 'only sha256 digests are supported'
      : 'the digest is malformed';
    throw invalid(text, why);
  }
  const tagOrLatest = tagText ?? (digestText === undefined ? 'latest' : undefined);
  return {
    registry,
    repository,
    ...(tagOrLatest === undefined ? {} : { tag: tagOrLatest }),
    ...(digestText === undefined ? {} : { digest: digestText }),
    written: text,
  };
}

function splitName(name: string, text: string): { registry: string; repository: string } {
  const slash = name.indexOf('/');
  const first = slash < 0 ? '' : name.slice(0, slash);
  const isHost =
    first !== '' && (/[.:]/.test(first) || first === 'localhost' || first !== first.toLowerCase());
  const host = isHost ? first : hub;
  const rest = isHost ? name.slice(slash + 1) : name;
  if (!domainPattern.test(host)) throw invalid(text, `${shown(host)} is no registry host`);

  const registry = host === 'index.docker.io' ? hub : host;
  const repository = registry === hub && !rest.includes('/') ? `library/${rest}` : rest;
  if (!pathPattern.test(repository)) {
    const why =
      rest === ''
        ? 'the name is empty'
        : rest !== rest.toLowerCase()
          ? 'repository names are lower case'
          : `${shown(rest)} is no repository name`;
    throw invalid(text, why);
  }
  if (registry === hub && /^[0-9a-f]{64}$/.test(rest)) throw invalid(text, 'it looks like an image ID');
  if (`${registry}/${repository}`.length > maxNameLength)
    throw invalid(text, `names have at most ${maxNameLength} characters`);
  return { registry, repository };
}

/** Is `text` a registry host, perhaps with a port, as references write it? */
export function isRegistryHost(text: string): boolean {
  return domainPattern.test(text);
}

/** Is `text` a repository path as registries take it, e.g. `demisto/python3`? */
export function isRepositoryPath(text: string): boolean {
  return text.length <= maxNameLength && pathPattern.test(text);
}

/** Is `text` a tag? */
export function isTag(text: string): boolean {
  return tagPattern.test(text);
}

/** `registry/repository`, without tag and digest. */
export function nameOf(reference: ImageReference): string {
  return `${reference.registry}/${reference.repository}`;
}

/** The fully qualified text: equal texts mean the same image reference. */
export function formatReference(reference: ImageReference): string {
  const tagPart = reference.tag === undefined ? '' : `:${reference.tag}`;
  const digestPart = reference.digest === undefined ? '' : `@${reference.digest}`;
  return `${nameOf(reference)}${tagPart}${digestPart}`;
}

/**
 * The name that an engine gives the image: `registry/repository:tag`, or undefined where only a digest is known.
 * Engines know no name with both a tag and a digest.
 */
export function tagNameOf(reference: ImageReference): string | undefined {
  return reference.tag === undefined ? undefined : `${nameOf(reference)}:${reference.tag}`;
}

/** The name of the image once it is resolved: its tag's, or where it has none, its digest's. */
export function lockedNameOf(reference: ImageReference): string {
  return tagNameOf(reference) ?? formatReference(reference);
}

function invalid(text: string, why: string): PackferryError {
  return new PackferryError('E_REFERENCE_INVALID', `${shown(text)} is no image reference: ${why}`, {
    hint: 'Write it as [REGISTRY[:PORT]/]NAME[:TAG][@sha256:DIGEST], for instance demisto/python3:3.12.13.11694875.',
  });
}

/** A text as messages show it: quoted, and cut when it is long. */
function shown(text: string): string {
  return JSON.stringify(text.length > 200 ? `${text.slice(0, 200)}...` : text);
}
