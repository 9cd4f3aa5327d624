import { proxyFor, type Proxy } from '../core/proxy.ts';
import { Connections } from './http/connections.ts';
import type { Line } from './http/open-socket.ts';
import type { FilledOptions } from './options.ts';
import { authorities, OriginTrust } from './origin-trust.ts';
import type { Registry } from './transport.ts';

/** How to reach an origin. */
export interface Route {
  readonly connections: Connections;
  /** The proxy in between. */
  readonly proxy: Proxy | undefined;
  /** The proxy takes whole requests instead of making a tunnel: plain HTTP. */
  readonly forwards: boolean;
}

/** Connections by origin, direct or through a proxy, never more than `connectionsPerHost` to one for one registry. */
export class Routes {
  readonly #options: FilledOptions;
  readonly #trust: OriginTrust;
  readonly #routes = new Map<string, Promise<Route>>();

  constructor(options: FilledOptions) {
    this.#options = options;
    this.#trust = new OriginTrust(options);
  }

  /** `host` is how people call the origin; `registry` is who leads there, or the origin itself. */
  async routeTo(url: URL, host: string | undefined, registry: Registry): Promise<Route> {
    // What is trusted depends on who leads there, and so does a connection.
    const key = `${url.origin} ${registry.url.origin}`;
    const known = this.#routes.get(key);
    if (known !== undefined) return known;
    const route = this.#open(url, host, registry);
    this.#routes.set(key, route);
    return route;
  }

  /** Cuts every connection. */
  async close(): Promise<void> {
    const routes = await Promise.allSettled(this.#routes.values());
    this.#routes.clear();
    for (const route of routes) if (route.status === 'fulfilled') route.value.connections.close();
  }

  async #open(url: URL, host: string | undefined, registry: Registry): Promise<Route> {
    const { connectionsPerHost: most, timeouts, proxy: settings } = this.#options;
    const proxy = proxyFor(url, settings);
    const tls = url.protocol === 'https:' ? await this.#trust.of(url, host, registry) : undefined;
    const forwards = proxy !== undefined && tls === undefined;
    const line = forwards
      ? this.#lineTo(proxy)
      : this.#lineThrough(proxy, { origin: url, ...(tls && { tls }) });
    return { connections: new Connections(line, { most, timeouts }), proxy, forwards };
  }

  #lineThrough(proxy: Proxy | undefined, line: Line): Line {
    if (proxy === undefined) return line;
    return { ...line, tunnel: { proxy: this.#lineTo(proxy), authorization: proxy.authorization } };
  }

  #lineTo(proxy: Proxy): Line {
    const origin = new URL(proxy.origin);
    return { origin, ...(origin.protocol === 'https:' ? { tls: authorities(this.#options.ca) } : {}) };
  }
}
