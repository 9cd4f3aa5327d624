import { PackferryError } from '../core/errors.ts';
import { parseReference, type ImageReference } from '../core/reference.ts';

/**
 * Reads a registry host as it stands in `registries`, in the form that parsed references have it (`index.docker.io` is
 * `docker.io`). Throws `E_MANIFEST_INVALID`.
 */
export function parseRegistryHost(text: string): string {
  const { registry, repository } = parseBase(text);
  if (repository !== '') throw invalid(text, 'it has a path');
  return registry;
}

/** Checks a mirror: a host, with port and path prefix where needed. Throws `E_MANIFEST_INVALID`. */
export function parseMirror(text: string): string {
  parseBase(text);
  return text;
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
    throw invalid(base, 'only a port and a path may follow the name', cause);
  }
}

function invalid(text: string, why: string, cause?: unknown): PackferryError {
  return new PackferryError('E_MANIFEST_INVALID', `${JSON.stringify(text)} is no registry host: ${why}`, {
    hint: 'Write it as HOST[:PORT], for instance registry.example:5000.',
    cause,
  });
}
