import { PackferryError } from '../core/errors.ts';
import { parseReference, type ImageReference } from '../core/reference.ts';

/**
 * Reads a key of `registries`, a host or a path of one, in the form that parsed references have it (`index.docker.io` is
 * `docker.io`). Throws `E_MANIFEST_INVALID`.
 */
export function parseRegistryKey(text: string): string {
  const { registry, repository } = parseBase(text);
  return `${registry}/${repository}`.replace(/\/$/, '');
}

/** Checks a mirror: a host, with port and path prefix where needed. Throws `E_MANIFEST_INVALID`. */
export function parseMirror(text: string): string {
  parseBase(text);
  return text;
}

/** Reads `FROM=TO`: a key of `registries` and its `location`. Throws `E_MANIFEST_INVALID`. */
export function parseRewrite(text: string): { readonly from: string; readonly to: string } {
  const [from = '', to = '', ...more] = text.split('=');
  if (from === '' || to === '' || more.length > 0) {
    throw new PackferryError('E_MANIFEST_INVALID', `${JSON.stringify(text)} is no rewriting`, {
      hint: 'Write it as FROM=TO, for instance docker.io/demisto=registry.example/demisto.',
    });
  }
  return { from: parseRegistryKey(from), to: parseMirror(to) };
}

/** Takes a host with perhaps a path apart, by the rules of image references. */
function parseBase(text: string): { readonly registry: string; readonly repository: string } {
  if (/^[a-z]+:\/\//i.test(text)) throw invalid(text, 'leave out the scheme');
  // Under a path of its own, what is no host would be taken for a part of the path.
  const probe = 'x/x';
  const { registry, repository } = referenceBelow(text, probe);
  const [host = ''] = text.split('/');
  if (host !== registry && !(host === 'index.docker.io' && registry === 'docker.io')) {
    throw invalid(text, 'one has a dot, a port, or is localhost');
  }
  return { registry, repository: repository.slice(0, -probe.length) };
}

function referenceBelow(base: string, probe: string): ImageReference {
  try {
    return parseReference(`${base}/${probe}`);
  } catch (cause) {
    const [, ...path] = base.split('/');
    const isLower = path.every((part) => part === part.toLowerCase());
    const why = isLower
      ? 'only a port and a path may follow the name'
      : 'its path may have no capital letters';
    throw invalid(base, why, cause);
  }
}

function invalid(text: string, why: string, cause?: unknown): PackferryError {
  return new PackferryError('E_MANIFEST_INVALID', `${JSON.stringify(text)} is no registry host: ${why}`, {
    hint: 'Write it as HOST[:PORT][/PATH], for instance registry.example:5000.',
    cause,
  });
}
