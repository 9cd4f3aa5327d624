import { rootCertificates } from 'node:tls';
import { Agent, type Dispatcher } from 'undici';
import { PackferryError } from '../core/errors.ts';
import { connectionFault } from './connection-fault.ts';
import { isLoopback } from './endpoint.ts';
import { untilAborted } from './interrupted.ts';
import type { FilledOptions } from './options.ts';

/** One GET. */
export interface Get {
  readonly url: URL;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent to the origin of `url` only. */
  readonly authorization?: string | undefined;
  /** Certificate authorities in PEM form, trusted besides the usual ones. */
  readonly ca: string | undefined;
  /** What is being fetched, for messages: names the image. */
  readonly what: string;
  readonly signal?: AbortSignal | undefined;
}

/** An answer whose body has not been read. Whoever gets one must read or destroy `body`. */
export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Dispatcher.ResponseData['body'];
  /** Where the answer came from: not the address that was asked when it redirected. */
  readonly url: URL;
  /** Did another origin than the one that was asked give the answer? */
  readonly elsewhere: boolean;
}

const redirects = new Set([301, 302, 303, 307, 308]);
const maxRedirects = 5;

/** Connections to registries: sends GETs and follows redirects. Knows nothing of images, tokens and repetition. */
export class Transport {
  readonly #options: FilledOptions;
  /** One per set of certificate authorities; each keeps a pool of connections per origin. */
  readonly #agents = new Map<string | undefined, Agent>();

  constructor(options: FilledOptions) {
    this.#options = options;
  }

  /**
   * Sends one GET. Redirects are followed by hand, since credentials must not go along: storage hosts refuse
   * presigned URLs that come with them, and would learn them.
   */
  async get(request: Get): Promise<Answer> {
    const { origin } = request.url;
    let url = request.url;
    let elsewhere = false;
    for (let hops = 0; hops <= maxRedirects; hops += 1) {
      const answer = await this.#send(request, url, elsewhere);
      const location = redirects.has(answer.status) ? headerOf(answer, 'location') : undefined;
      if (location === undefined) return answer;
      await discard(answer);
      url = nextUrl(location, url, request.what);
      elsewhere ||= url.origin !== origin;
    }
    throw new PackferryError(
      'E_SOURCE_PROTOCOL',
      `${request.what}: ${request.url.host} redirects more than ${maxRedirects} times`,
    );
  }

  /** Cuts every connection. */
  async close(): Promise<void> {
    const agents = [...this.#agents.values()];
    this.#agents.clear();
    await Promise.all(agents.map((agent) => agent.destroy()));
  }

  async #send(request: Get, url: URL, elsewhere: boolean): Promise<Answer> {
    const { what, signal } = request;
    const authorization = elsewhere ? undefined : request.authorization;
    const sent = this.#agentFor(request.ca).request({
      origin: url.origin,
      path: `${url.pathname}${url.search}`,
      method: 'GET',
      headers: {
        'user-agent': this.#options.userAgent,
        'accept-encoding': 'identity',
        ...request.headers,
        ...(authorization === undefined ? {} : { authorization }),
      },
      ...(signal === undefined ? {} : { signal }),
    });
    try {
      // undici looks at the signal only once it has a connection.
      const { statusCode, headers, body } = await untilAborted(sent, signal, what);
      return { status: statusCode, headers, body, url, elsewhere };
    } catch (fault) {
      throw connectionFault(fault, url, what);
    }
  }

  #agentFor(ca: string | undefined): Agent {
    const known = this.#agents.get(ca);
    if (known !== undefined) return known;
    const { connectionsPerHost, timeouts } = this.#options;
    const agent = new Agent({
      connections: connectionsPerHost,
      headersTimeout: timeouts.headers,
      bodyTimeout: timeouts.body,
      connect: {
        timeout: timeouts.connect,
        // Redirects lead to public storage hosts, so the usual authorities stay.
        ...(ca === undefined ? {} : { ca: [...rootCertificates, ca] }),
      },
    });
    this.#agents.set(ca, agent);
    return agent;
  }
}

/** The first value of a header. */
export function headerOf(answer: Pick<Answer, 'headers'>, name: string): string | undefined {
  const value = answer.headers[name];
  return Array.isArray(value) ? value[0] : value;
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
  refuseDowngrade(from, url, what);
  return url;
}

/** What began encrypted stays so; only this very machine may be spoken to in plain. */
export function refuseDowngrade(from: URL, to: URL, what: string): void {
  if (from.protocol !== 'https:' || to.protocol === 'https:' || isLoopback(to.hostname)) return;
  throw new PackferryError(
    'E_SOURCE_PROTOCOL',
    `${what}: ${from.host} leads from HTTPS to plain HTTP at ${to.host}`,
    { hint: 'The registry is misconfigured: its own address must be an https:// one.' },
  );
}
