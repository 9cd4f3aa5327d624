import { PackferryError } from '../core/errors.ts';
import { isLoopback } from '../core/hosts.ts';
import { isRegistryHost, isRepositoryPath, type ImageReference } from '../core/reference.ts';
import { certificateFolderNames, hasHostCertificates } from './certificate-folder.ts';
import type { RegistrySettings } from './options.ts';

/** A place where repositories of a registry can be read: the registry itself, its location, or one of its mirrors. */
export interface Endpoint {
  /** Host, port and path prefix as people write them, e.g. `docker.io` or `mirror.example:5000/hub`. */
  readonly name: string;
  /** Host and port of these: accounts and certificates go by it. */
  readonly host: string;
  /** Scheme, host and port, e.g. `https://registry-1.docker.io`. */
  readonly origin: string;
  /** What stands before every repository path: empty, or ends with a slash. */
  readonly prefix: string;
}

/** One repository as one endpoint names it: the endpoint's prefix is part of the path. */
export interface Repository {
  readonly endpoint: Endpoint;
  readonly path: string;
  /** Others can be asked instead: a host that wants to be left alone is not waited for, but for a moment. */
  readonly hurry?: boolean;
  /** What an account has to be allowed to do there. Default: only to read. */
  readonly access?: 'push';
  /** The path of another repository there, of which a blob is wanted, too. */
  readonly mountsFrom?: string;
}

export type Registries = ReadonlyMap<string, RegistrySettings>;

const hubNames = ['docker.io', 'index.docker.io'];
/** Docker Hub's registry does not answer under the name that references use. */
const hubHost = 'registry-1.docker.io';

/**
 * Where to ask for an image, in order: the mirrors of its registry, then the registry or the location that takes its
 * place. Of the keys of `registries` that are the image's name or stand above it, the longest counts, as in
 * containers-registries.conf(5). `certificateFolders`: see `endpointAt`. Throws `E_ENDPOINT_INVALID`.
 */
export function repositoriesOf(
  reference: Pick<ImageReference, 'registry' | 'repository'>,
  registries: Registries,
  certificateFolders: readonly string[] = [],
): Repository[] {
  const { registry, repository } = reference;
  const name = `${registry}/${repository}`;
  const key = keysAbove(name, registries).at(-1) ?? registry;
  const settings = registries.get(key) ?? {};
  // Without another location the registry is asked by its own name, whatever the length of the key.
  const own = settings.location === undefined ? [{ base: registry, rest: repository }] : [];
  const replaced = [
    ...(settings.mirrors ?? []),
    ...(settings.location === undefined ? [] : [settings.location]),
  ];
  const rest = name.slice(key.length + 1);
  return [...replaced.map((base) => ({ base, rest })), ...own].map(({ base, rest: below }) => {
    const endpoint = endpointAt(base, { registries, settings, certificateFolders });
    return { endpoint, path: pathBelow(endpoint, below, name) };
  });
}

/**
 * Every endpoint that the settings name, with the settings that it stands in. Throws `E_ENDPOINT_INVALID` for one that
 * is none.
 */
export function configuredEndpoints(
  registries: Registries,
  certificateFolders: readonly string[] = [],
): { readonly endpoint: Endpoint; readonly isMirror: boolean; readonly settings: RegistrySettings }[] {
  return [...registries].flatMap(([key, settings]) => {
    const { mirrors = [], location = key } = settings;
    return [...mirrors, location].map((base, at) => {
      const endpoint = endpointAt(base, { registries, settings, certificateFolders });
      return { endpoint, isMirror: at < mirrors.length, settings };
    });
  });
}

/** What decides how a host is spoken to. */
export interface EndpointContext {
  readonly registries?: Registries;
  /** Of where the host is named, e.g. as a mirror. */
  readonly settings?: RegistrySettings;
  /** Folders as /etc/docker/certs.d. */
  readonly certificateFolders?: readonly string[];
}

/**
 * Reads `host[:port][/path-prefix]`; what is set for that host itself wins over what is set where it is named. This machine is spoken
 * to by HTTP, unless certificates are set for the host, or lie in one of the folders: docker tries HTTPS there first, podman
 * HTTPS alone. There is no way back to HTTP after a fault of HTTPS: whoever put certificates there wants them to count.
 */
export function endpointAt(
  name: string,
  { registries = new Map(), settings = {}, certificateFolders = [] }: EndpointContext = {},
): Endpoint {
  const slash = name.indexOf('/');
  const host = slash < 0 ? name : name.slice(0, slash);
  const path = slash < 0 ? undefined : name.slice(slash + 1);
  const address = hubNames.includes(host) ? hubHost : host;
  if (!isRegistryHost(host) || !URL.canParse(`http://${address}`)) {
    throw invalid(name, `${JSON.stringify(host)} is no host`);
  }
  if (path !== undefined && !isRepositoryPath(path)) {
    throw invalid(name, `${JSON.stringify(path)} is no path prefix`);
  }
  const own = keysAbove(name, registries).flatMap((key) => registries.get(key) ?? []);
  const { plainHttp } = own.findLast((one) => one.plainHttp !== undefined) ?? settings;
  // Certificates are set for what speaks HTTPS, also on this machine.
  const isTls = own.some(({ ca, client }) => ca !== undefined || client !== undefined);
  const secure = new URL(`https://${address}`);
  const names = certificateFolderNames(secure, host);
  const plain =
    plainHttp ?? (!isTls && isLoopback(secure.hostname) && !hasHostCertificates(certificateFolders, names));
  return {
    name,
    host,
    origin: new URL(`${plain ? 'http' : 'https'}://${address}`).origin,
    prefix: path === undefined ? '' : `${path}/`,
  };
}

/** The keys that are this name or stand above it, the shortest first. */
function keysAbove(name: string, registries: Registries): string[] {
  const parts = name.split('/');
  const names = parts.map((_, at) => parts.slice(0, at + 1).join('/'));
  return names.filter((above) => registries.has(above));
}

function pathBelow({ name, prefix }: Endpoint, rest: string, image: string): string {
  if (rest !== '') return `${prefix}${rest}`;
  if (prefix !== '') return prefix.slice(0, -1);
  throw invalid(name, `${image} would be the host itself`);
}

function invalid(name: string, why: string): PackferryError {
  return new PackferryError('E_ENDPOINT_INVALID', `${JSON.stringify(name)} is no registry: ${why}`, {
    hint: 'Write it as HOST[:PORT][/PREFIX], without https://, for instance mirror.example:5000/hub.',
  });
}
