import { isLoopback } from '../../core/hosts.ts';
import type { ContentServer } from '../../registry/server.ts';

export interface Reached {
  /** The address that it listens at. */
  readonly host: string;
  readonly port: number;
  readonly prefix?: string | undefined;
  /** It wants an account. */
  readonly isGuarded: boolean;
}

/** What whoever uses the server writes where, with one of its images as the example. */
export function howToPull(
  { url, host: listening }: Pick<ContentServer, 'url' | 'host'>,
  images: readonly string[],
  { host, prefix, isGuarded }: Reached,
): string[] {
  const port = listening.slice(listening.lastIndexOf(':') + 1);
  const isAny = ['0.0.0.0', '::'].includes(host);
  // Only whoever asks from elsewhere knows the name of this machine there.
  const at = isAny ? `THIS-HOST:${port}` : listening;
  const isTls = url.startsWith('https:');
  const isNear = !isAny && isLoopback(host.includes(':') ? `[${host}]` : host);
  const [image = ''] = images;
  const scheme = isTls ? 'https' : 'http';
  const insecure = !isTls && !isNear ? `, "insecure-registries": ["${at}"]` : '';
  return [
    ...(isGuarded
      ? [`  log in first:  docker login ${at}   or   podman login ${isTls ? '' : '--tls-verify=false '}${at}`]
      : []),
    `  docker pull ${at}/${image}`,
    `  podman pull ${isTls ? '' : '--tls-verify=false '}${at}/${image}`,
    `  XSOAR, as a server configuration:  python.docker.registry = ${at}${prefix === undefined ? '' : `/${prefix}`}`,
    ...(prefix === undefined
      ? [
          `  a mirror of Docker Hub, in /etc/docker/daemon.json:  {"registry-mirrors": ["${scheme}://${at}"]${insecure}}`,
        ]
      : []),
    ...(insecure === '' ? [] : [`  without TLS, Docker asks for this there too:  {${insecure.slice(2)}}`]),
  ];
}
