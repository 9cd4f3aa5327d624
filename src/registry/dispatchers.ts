import type { Dispatcher } from 'undici';
import Pool from 'undici/lib/dispatcher/pool.js';
import { proxyFor, type Proxy } from '../core/proxy.ts';
import type { FilledOptions } from './options.ts';
import { authorities, OriginTrust } from './origin-trust.ts';
import type { Registry } from './transport.ts';

/** How to reach an origin. */
export interface Route {
  readonly dispatcher: Dispatcher;
  /** The proxy in between. */
  readonly proxy: Proxy | undefined;
  /** The proxy takes whole requests instead of making a tunnel: plain HTTP. */
  readonly forwards: boolean;
}

/** Connections by origin, direct or through a proxy, never more than `connectionsPerHost` to one for one registry. */
export class Dispatchers {
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
    const open = routes.flatMap((route) => (route.status === 'fulfilled' ? [route.value.dispatcher] : []));
    await Promise.all(open.map(async (dispatcher) => dispatcher.destroy()));
  }

  async #open(url: URL, host: string | undefined, registry: Registry): Promise<Route> {
    const { connectionsPerHost: connections, timeouts, ca, proxy: settings } = this.#options;
    const { connect: timeout, headers: headersTimeout, body: bodyTimeout } = timeouts;
    const pool = { connections, headersTimeout, bodyTimeout };
    const proxy = proxyFor(url, settings);
    const requestTls = {
      timeout,
      ...(url.protocol === 'https:' ? await this.#trust.of(url, host, registry) : {}),
    };
    if (proxy === undefined) {
      return { dispatcher: new Pool(url.origin, { ...pool, connect: requestTls }), proxy, forwards: false };
    }
    const proxyTls = { timeout, ...authorities(ca) };
    if (url.protocol === 'http:') {
      return { dispatcher: new Pool(proxy.origin, { ...pool, connect: proxyTls }), proxy, forwards: true };
    }
    // Loaded only when needed: with it comes all of undici.
    const { ProxyAgent } = await import('undici');
    const dispatcher = new ProxyAgent({
      ...pool,
      ...{ uri: proxy.origin, requestTls, proxyTls },
      ...(proxy.authorization === undefined ? {} : { token: proxy.authorization }),
      // The wait for the tunnel is bounded like any other.
      clientFactory: (origin, options) => new Pool(origin, { ...options, headersTimeout }),
    });
    return { dispatcher, proxy, forwards: false };
  }
}
