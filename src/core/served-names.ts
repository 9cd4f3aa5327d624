import { parseAddressRange } from './hosts.ts';
import { isRegistryHost, parseReference, type ImageReference } from './reference.ts';

/** Docker Hub has the plain paths, since engines ask so for what they want from its mirrors. */
const hub = 'docker.io';
const hubHosts = [hub, 'index.docker.io', 'registry-1.docker.io'];

/**
 * The path under which a registry of our own serves an image: that of Docker Hub's images as it is, that of all others
 * below the name of their registry. Hosts have no underscores, so `__` before a port makes no two hosts one:
 *
 *     docker.io/demisto/python3      demisto/python3
 *     ghcr.io/acme/tool              ghcr.io/acme/tool
 *     registry.example:5000/tool     registry.example__5000/tool
 */
export function servedPathOf({
  registry,
  repository,
}: Pick<ImageReference, 'registry' | 'repository'>): string {
  return registry === hub ? repository : `${hostPath(registry)}/${repository}`;
}

/**
 * The path that a client means by `name`, where `registry` is the one that it would have asked without a mirror. Besides
 * the paths of `servedPathOf` there are names that people write: `docker.io/demisto/python3`, and `alpine` for
 * `library/alpine`. Undefined when `registry` is none.
 */
export function pathMeant(name: string, registry?: string): string | undefined {
  if (registry !== undefined && !hubHosts.includes(registry)) {
    return isRegistryHost(registry) ? servedPathOf({ registry, repository: name }) : undefined;
  }
  const path = name.startsWith(`${hub}/`) ? name.slice(hub.length + 1) : name;
  return path.includes('/') ? path : `library/${path}`;
}

/** The name of a registry as a part of a path: lower case, since host names do not tell the difference. */
function hostPath(host: string): string {
  const [, name = '', port] = /^(.*?)(?::([0-9]+))?$/.exec(host.toLowerCase()) ?? [];
  // IPv6 is written in brackets and colons, which no path may have.
  const address = name.startsWith('[') ? parseAddressRange(name)?.address : undefined;
  const shown = address === undefined ? name : `ip6_${address.toString(16).padStart(32, '0')}`;
  return port === undefined ? shown : `${shown}__${port}`;
}

/** Registry and path of an image reference, in the one form that all of its spellings have. */
export function namespaceOf(reference: string): Pick<ImageReference, 'registry' | 'repository' | 'tag'> {
  const { registry, ...rest } = parseReference(reference);
  return { registry: registry.toLowerCase(), ...rest };
}
