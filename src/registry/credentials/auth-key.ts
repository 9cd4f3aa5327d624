/** Docker Hub has many names; they are one. */
const hubNames = new Set(['docker.io', 'index.docker.io', 'registry-1.docker.io']);
/** The name under which docker keeps Docker Hub's account. */
const hubServer = 'https://index.docker.io/v1/';

/** A host as accounts are compared: exactly, but for letter case and the names of Docker Hub. */
export function canonicalHost(host: string): string {
  const lower = host.toLowerCase();
  return hubNames.has(lower) ? 'docker.io' : lower;
}

/** What docker's client calls the host: in its file, and towards credential helpers. */
export function serverOf(host: string): string {
  const canonical = canonicalHost(host);
  return canonical === 'docker.io' ? hubServer : canonical;
}

/**
 * What a key of an auth file stands for: `HOST[:PORT]`, or below it a path. With a scheme only the host counts, as for
 * docker; without one it is podman's, and may be a path of repositories. `/v1` and `/v2` are no such paths.
 */
export function normalizeAuthKey(key: string): string {
  const [, scheme, rest = ''] = /^(https?:\/\/)?(.*)$/is.exec(key) ?? [];
  const slash = rest.indexOf('/');
  const host = canonicalHost(slash < 0 ? rest : rest.slice(0, slash));
  const path = slash < 0 ? '' : rest.slice(slash + 1).replace(/\/+$/, '');
  return scheme !== undefined || path === '' || /^v[12]$/.test(path) ? host : `${host}/${path}`;
}

/** The keys under which the account for a repository may stand, the closest first. */
export function keysFor(host: string, path: string): string[] {
  const parts = [canonicalHost(host), ...path.split('/').filter((part) => part !== '')];
  return parts.map((_, at) => parts.slice(0, parts.length - at).join('/'));
}
