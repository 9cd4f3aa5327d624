import { PackferryError } from '../core/errors.ts';
import { isRegistryHost, isRepositoryPath } from '../core/reference.ts';
import type { RegistrySettings } from './options.ts';

/** A place where the repositories of a registry can be read: the registry itself or one of its mirrors. */
export interface Endpoint {
  /** Host, port and path prefix as people write them, e.g. `docker.io` or `mirror.example:5000/hub`. */
  readonly name: string;
  /** Scheme, host and port, e.g. `https://registry-1.docker.io`. */
  readonly origin: string;
  /** What stands before every repository path: empty, or ends with a slash. */
  readonly prefix: string;
  /** Certificate authorities in PEM form that are trusted here besides the usual ones. */
  readonly ca: string | undefined;
}

/** One repository as one endpoint names it: the endpoint's prefix is part of the path. */
export interface Repository {
  readonly endpoint: Endpoint;
  readonly path: string;
}

const hub = 'docker.io';
/** Docker Hub's registry does not answer under the name that references use. */
const hubHost = 'registry-1.docker.io';

/** Where to ask for images of `registry`, in order: its mirrors, then the registry. Throws `E_ENDPOINT_INVALID`. */
export function endpointsOf(registry: string, settings: RegistrySettings = {}): Endpoint[] {
  return [...(settings.mirrors ?? []), registry].map((name) => endpointAt(name, settings));
}

/** Reads `host[:port][/path-prefix]`; throws `E_ENDPOINT_INVALID`. */
function endpointAt(name: string, settings: RegistrySettings): Endpoint {
  const slash = name.indexOf('/');
  const host = slash < 0 ? name : name.slice(0, slash);
  const path = slash < 0 ? undefined : name.slice(slash + 1);
  const address = host === hub ? hubHost : host;
  if (!isRegistryHost(host) || !URL.canParse(`http://${address}`)) {
    throw invalid(name, `${JSON.stringify(host)} is no host`);
  }
  if (path !== undefined && !isRepositoryPath(path)) {
    throw invalid(name, `${JSON.stringify(path)} is no path prefix`);
  }
  const url = new URL(`http://${address}`);
  const plain = settings.plainHttp ?? isLoopback(url.hostname);
  return {
    name,
    origin: new URL(`${plain ? 'http' : 'https'}://${address}`).origin,
    prefix: path === undefined ? '' : `${path}/`,
    ca: settings.ca,
  };
}

/** A repository of the registry, e.g. `demisto/python3`, at an endpoint. */
export function repositoryAt(endpoint: Endpoint, repository: string): Repository {
  return { endpoint, path: `${endpoint.prefix}${repository}` };
}

/** Is this host, as `URL.hostname` writes it, this very machine? Plain HTTP to it shows nothing to others. */
export function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127(\.\d+){3}$/.test(hostname);
}

function invalid(name: string, why: string): PackferryError {
  return new PackferryError('E_ENDPOINT_INVALID', `${JSON.stringify(name)} is no registry: ${why}`, {
    hint: 'Write it as HOST[:PORT][/PREFIX], without https://, for instance mirror.example:5000/hub.',
  });
}
