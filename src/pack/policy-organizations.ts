import { messageOf, PackferryError } from '../core/errors.ts';
import { nameOf, parseReference, type ImageReference } from '../core/reference.ts';

/** Where the vendor publishes the images of its organisations. */
const vendorHomes = ['docker.io', 'gcr.io/xsoar-registry', 'xsoar-registry.pan.dev'];

/**
 * Reads an organisation as a policy names it. A plain name means that organisation on Docker Hub and on the vendor's own
 * registries; with a registry in front, `ghcr.io/acme`, just that. Returns the name prefixes that it stands for. Throws
 * `E_MANIFEST_INVALID`.
 */
export function parseOrganization(text: string): string[] {
  const probe = 'x';
  const { registry, repository, tag } = belowOf(text, probe);
  const path = repository.slice(0, -probe.length - 1);
  // A name with capitals counts as a host in references; whoever writes one here means an organisation.
  if (tag !== 'latest' || /^[^/.:]*[A-Z]/.test(text)) throw invalid(text);
  const isPlain = !text.includes('/') && registry === 'docker.io';
  if (isPlain) return vendorHomes.map((home) => `${home}/${text}`);
  return [path === '' ? registry : `${registry}/${path}`];
}

/** Is the image below one of the prefixes? */
export function isBelow(prefixes: readonly string[], reference: ImageReference): boolean {
  const name = nameOf(reference);
  return prefixes.some((prefix) => name.startsWith(`${prefix}/`));
}

function belowOf(text: string, probe: string): ImageReference {
  try {
    return parseReference(`${text}/${probe}`);
  } catch (cause) {
    throw invalid(text, cause);
  }
}

function invalid(text: string, cause?: unknown): PackferryError {
  const why = cause === undefined ? '' : `: ${messageOf(cause)}`;
  return new PackferryError('E_MANIFEST_INVALID', `${JSON.stringify(text)} is no organisation${why}`, {
    hint: 'Write it as demisto, or with its registry as ghcr.io/acme.',
    cause,
  });
}
