import { asPackferryError, PackferryError } from '../core/errors.ts';
import { parseSshEndpoint } from '../engine/ssh-endpoint.ts';
import { parseEndpointUrl, type EndpointRole, type EndpointUrl } from './endpoint-url.ts';
import { parseMirror } from './load-manifest-registries.ts';

/**
 * Where images can be taken from. `rest` is, by scheme: `HOST[:PORT][/PREFIX]` of a registry, or nothing for the one that
 * an image is named after; the absolute path of a folder or file; the address of an engine, or nothing for the local one.
 */
export type SourceEndpoint = EndpointUrl;

const role: EndpointRole<SourceEndpoint['scheme']> = {
  noun: 'source of images',
  schemes: ['registry', 'docker', 'podman', 'ssh', 'oci', 'bundle', 'docker-archive'],
  examples:
    'Sources are registry://HOST[:PORT][/PREFIX], registry: (the one that the image is named after), docker:, podman:, ssh://[USER@]HOST, oci:DIR, bundle:DIR and docker-archive:FILE.',
};

/** Where an engine is; nothing for the local one. There is no room for names and passwords, which would end up in bundles. */
const address = /^(unix:\/\/\/.+|tcp:\/\/[^/@?#]+\/?|\?(command|sudo|as=[\w.-]+))?$/s;

/**
 * Reads the URL of a source. `asPath` makes a path absolute that is relative to where the URL stands. Throws
 * `E_ENDPOINT_INVALID`, or what `asPath` throws.
 */
export function parseSource(url: string, asPath: (written: string) => string): SourceEndpoint {
  const endpoint = parseEndpointUrl(url, role);
  const { scheme, rest } = endpoint;
  switch (scheme) {
    case 'registry':
      return { ...endpoint, rest: registryBase(url, rest) };
    case 'docker':
    case 'podman':
      if (address.test(rest)) return endpoint;
      throw invalid(
        url,
        'that is no address of an engine',
        `Write ${scheme}: (the local one), ${scheme}:unix:///PATH, ${scheme}:tcp://HOST:PORT, ${scheme}:?sudo or ${scheme}:?as=USER.`,
      );
    case 'ssh':
      parseSshEndpoint(rest);
      return endpoint;
    case 'oci':
    case 'bundle':
    case 'docker-archive':
      if (rest !== '') return { ...endpoint, rest: asPath(rest) };
      throw invalid(
        url,
        'a path is missing',
        `Write ${scheme}:${scheme === 'docker-archive' ? 'FILE' : 'DIR'}.`,
      );
  }
}

/** What follows `registry:`: `//HOST[:PORT][/PREFIX]`, or nothing. Throws `E_ENDPOINT_INVALID`. */
export function registryBase(url: string, rest: string): string {
  if (rest === '') return '';
  if (rest.startsWith('//')) return baseIn(url, rest.slice(2).replace(/\/$/, ''));
  const hint =
    'Write it as registry://HOST[:PORT][/PREFIX], for instance registry://mirror.example/ghcr; "registry:" alone is the registry that the image is named after.';
  throw invalid(url, 'a host comes after two slashes', hint);
}

function baseIn(url: string, base: string): string {
  try {
    return parseMirror(base);
  } catch (fault) {
    throw invalid(url, asPackferryError(fault).message, 'Write it as registry://HOST[:PORT][/PREFIX].');
  }
}

function invalid(url: string, why: string, hint: string): PackferryError {
  return new PackferryError('E_ENDPOINT_INVALID', `${JSON.stringify(url)}: ${why}`, { hint });
}
