import { PackferryError } from '../core/errors.ts';
import type { DockerConnection } from './docker-connection.ts';
import { readTls, type TlsPlace } from './docker-tls.ts';
import { farEngine, type FarEngine } from './far-engine.ts';

type Product = 'docker' | 'podman';

/** IANA: 2375 is the Docker API in the clear, 2376 over TLS. */
const usualPorts = { plain: 2375, tls: 2376 } as const;

export interface AddressOptions {
  /** TLS is spoken over TCP. */
  readonly tls?: TlsPlace | undefined;
  /** The key file that goes with an address of SSH. */
  readonly identity?: string | undefined;
}

/**
 * Reads an address as the clients of engines have it: `unix://`, `tcp://`, `ssh://`; as with docker's client, text without
 * a scheme counts as TCP. `source` says who named it. Throws `E_ENDPOINT_INVALID`.
 */
export async function readAddress(
  product: Product,
  text: string,
  source: string,
  { tls, identity }: AddressOptions = {},
): Promise<DockerConnection | FarEngine> {
  // User names and passwords have no place in messages.
  const where = source.replace(/\/\/[^/]*@/, '//');
  const host = text.includes('://') ? text : `tcp://${text}`;
  if (host.startsWith('unix://')) return unixConnection(product, host.slice('unix://'.length), where);
  if (host.startsWith('ssh://')) return farEngine(product, host, where, identity);
  if (!host.startsWith('tcp://')) {
    throw notAnEngine(product, where, 'only unix://, tcp:// and ssh:// lead to an engine');
  }
  const address = tcpAddress(product, host, where, tls === undefined ? usualPorts.plain : usualPorts.tls);
  const name = `${product}:tcp://${address.host}:${address.port}`;
  if (tls === undefined) return { name, kind: 'tcp', ...address };
  return { name, kind: 'tls', ...address, secure: await readTls(tls) };
}

/** One by its socket. Throws `E_ENDPOINT_INVALID` for a path that is not absolute. */
export function unixConnection(product: Product, socket: string, where: string): DockerConnection {
  if (!socket.startsWith('/')) throw notAnEngine(product, where, 'a socket needs an absolute path');
  return { name: `${product}:unix://${socket}`, kind: 'unix', path: socket };
}

function tcpAddress(
  product: Product,
  text: string,
  where: string,
  usualPort: number,
): { readonly host: string; readonly port: number } {
  let url: URL;
  try {
    // The URL class knows hosts and ports of http only, and hides its default port: hence the rewriting.
    url = new URL(text.replace(/^tcp:/, 'http:'));
  } catch {
    throw notAnEngine(product, where, 'that is no host and port');
  }
  const bare = url.username === '' && url.password === '' && url.search === '' && url.hash === '';
  if (!bare || url.pathname !== '/')
    throw notAnEngine(product, where, 'a host and a port are all that it may have');
  const port = url.port === '' ? (/:80\/?$/.test(text) ? 80 : usualPort) : Number(url.port);
  return { host: url.hostname, port };
}

/** The error for what names no engine. */
export function notAnEngine(product: Product, where: string, why: string): PackferryError {
  const title = product === 'podman' ? 'Podman' : 'Docker';
  return new PackferryError('E_ENDPOINT_INVALID', `${where}: no ${title} endpoint: ${why}`, {
    hint: `Write ${product}: (the local ${title}), ${product}:unix:///PATH, ${product}:tcp://HOST:PORT, or ${product}:?sudo and ${product}:?as=USER to go by its command; on another machine ssh://[USER@]HOST.`,
  });
}
