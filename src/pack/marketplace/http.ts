import { rootCertificates } from 'node:tls';
import type { Dispatcher } from 'undici';
import { PackferryError } from '../../core/errors.ts';
import { proxyFor, type Proxy } from '../../core/proxy.ts';
import { connectionFault, refuseAborted } from './fault.ts';
import type { FilledOptions } from './options.ts';

export interface Request {
  readonly method: 'GET' | 'HEAD';
  readonly url: URL;
  readonly headers?: Readonly<Record<string, string>>;
  /** What is being fetched, for messages. */
  readonly what: string;
}

/** An answer whose body has not been read. Whoever gets one must read or discard it. */
export interface Answer {
  readonly status: number;
  readonly body: Dispatcher.ResponseData['body'];
  /** Where the answer came from: not the address that was asked when it redirected. */
  readonly url: URL;
  header(name: string): string | undefined;
}

interface Route {
  readonly dispatcher: Dispatcher;
  readonly proxy: Proxy | undefined;
  /** The proxy takes whole requests instead of making a tunnel. */
  readonly forwards: boolean;
}

const redirects = new Set([301, 302, 303, 307, 308]);
const maxRedirects = 5;

/** Connections to the marketplace and to wherever it redirects. Knows nothing of packs and repetition. */
export class Http {
  readonly #options: FilledOptions;
  /** By origin, direct or through a proxy. */
  readonly #routes = new Map<string, Promise<Route>>();
  readonly #signal: AbortSignal | undefined;
  // Requests that wait for a connection do not look at a signal, so an abort cuts everything.
  readonly #cut = (): void => {
    void this.#destroy();
  };

  constructor(options: FilledOptions) {
    this.#options = options;
    this.#signal = options.signal;
    this.#signal?.addEventListener('abort', this.#cut, { once: true });
  }

  /** Sends one request and follows redirects. Nothing secret goes along, so any host will do. */
  async send(request: Request): Promise<Answer> {
    const { what } = request;
    let { url } = request;
    for (let hops = 0; hops <= maxRedirects; hops += 1) {
      const answer = await this.#sendTo(url, request);
      const location = redirects.has(answer.status) ? answer.header('location') : undefined;
      if (location === undefined) return answer;
      await discard(answer);
      url = nextUrl(location, url, what);
    }
    throw new PackferryError(
      'E_SOURCE_PROTOCOL',
      `${what}: ${request.url.host} redirects more than ${maxRedirects} times`,
    );
  }

  /** Cuts every connection. */
  async close(): Promise<void> {
    this.#signal?.removeEventListener('abort', this.#cut);
    await this.#destroy();
  }

  async #destroy(): Promise<void> {
    const open = [...this.#routes.values()];
    await Promise.all(open.map(async (route) => (await route).dispatcher.destroy()));
  }

  async #sendTo(url: URL, { method, headers, what }: Request): Promise<Answer> {
    refuseAborted(this.#signal, what);
    const { dispatcher, proxy, forwards } = await this.#routeTo(url);
    const toProxy = forwards ? proxy?.authorization : undefined;
    try {
      const answer = await dispatcher.request({
        origin: url.origin,
        path: `${forwards ? url.origin : ''}${url.pathname}${url.search}`,
        method,
        headers: {
          'user-agent': this.#options.userAgent,
          'accept-encoding': 'identity',
          ...(forwards ? { host: url.host } : {}),
          ...(toProxy === undefined ? {} : { 'proxy-authorization': toProxy }),
          ...headers,
        },
      });
      const header = (name: string): string | undefined => {
        const value = answer.headers[name];
        return Array.isArray(value) ? value[0] : value;
      };
      return { status: answer.statusCode, body: answer.body, url, header };
    } catch (fault) {
      throw connectionFault(fault, url, what, proxy);
    }
  }

  async #routeTo(url: URL): Promise<Route> {
    const known = this.#routes.get(url.origin);
    if (known !== undefined) return known;
    const route = openRoute(url, this.#options);
    this.#routes.set(url.origin, route);
    return route;
  }
}

/** A way to an origin, of at most `concurrency` connections. Plain HTTP is forwarded by a proxy, HTTPS tunnelled. */
async function openRoute(
  url: URL,
  { timeouts, ca, concurrency, proxy: settings }: FilledOptions,
): Promise<Route> {
  // Loaded only when needed: it takes long.
  const { Pool, ProxyAgent } = await import('undici');
  const pool = { connections: concurrency, headersTimeout: timeouts.headers, bodyTimeout: timeouts.body };
  const tls = { timeout: timeouts.connect, ...(ca === undefined ? {} : { ca: [...rootCertificates, ca] }) };
  const proxy = proxyFor(url, settings);
  const forwards = proxy !== undefined && url.protocol === 'http:';
  if (proxy === undefined || forwards) {
    return { dispatcher: new Pool(proxy?.origin ?? url.origin, { ...pool, connect: tls }), proxy, forwards };
  }
  const dispatcher = new ProxyAgent({
    ...{ ...pool, uri: proxy.origin, requestTls: tls, proxyTls: tls },
    ...(proxy.authorization === undefined ? {} : { token: proxy.authorization }),
    clientFactory: (origin, options) => new Pool(origin, { ...options, headersTimeout: timeouts.headers }),
  });
  return { dispatcher, proxy, forwards };
}

/** Throws a body away; a short one is read to its end so that the connection can be used again. */
export async function discard(answer: Answer): Promise<void> {
  await answer.body.dump({ limit: 64 * 1024 }).catch(() => undefined);
}

function nextUrl(location: string, from: URL, what: string): URL {
  const url = URL.canParse(location, from.href) ? new URL(location, from) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol)) {
    throw new PackferryError('E_SOURCE_PROTOCOL', `${what}: ${from.host} redirects to no usable address`);
  }
  // What began encrypted stays so: nothing else vouches for the content of a pack.
  if (from.protocol === 'https:' && url.protocol !== 'https:') {
    throw new PackferryError(
      'E_SOURCE_PROTOCOL',
      `${what}: ${from.host} leads from HTTPS to plain HTTP at ${url.host}`,
      { hint: 'Check the address of the marketplace.' },
    );
  }
  return url;
}
