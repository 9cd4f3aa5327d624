import { rootCertificates } from 'node:tls';
import { Agent, type Dispatcher } from 'undici';
import { PackferryError } from '../../core/errors.ts';
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

const redirects = new Set([301, 302, 303, 307, 308]);
const maxRedirects = 5;

/** Connections to the marketplace and to wherever it redirects. Knows nothing of packs and repetition. */
export class Http {
  readonly #agent: Agent;
  readonly #userAgent: string;
  readonly #signal: AbortSignal | undefined;
  // Requests that wait for a connection do not look at a signal, so an abort cuts everything.
  readonly #cut = (): void => {
    void this.#agent.destroy();
  };

  constructor({ timeouts, ca, userAgent, signal, concurrency }: FilledOptions) {
    this.#userAgent = userAgent;
    this.#signal = signal;
    this.#agent = new Agent({
      connections: concurrency,
      headersTimeout: timeouts.headers,
      bodyTimeout: timeouts.body,
      connect: {
        timeout: timeouts.connect,
        ...(ca === undefined ? {} : { ca: [...rootCertificates, ca] }),
      },
    });
    signal?.addEventListener('abort', this.#cut, { once: true });
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
    await this.#agent.destroy();
  }

  async #sendTo(url: URL, { method, headers, what }: Request): Promise<Answer> {
    refuseAborted(this.#signal, what);
    try {
      const answer = await this.#agent.request({
        origin: url.origin,
        path: `${url.pathname}${url.search}`,
        method,
        headers: { 'user-agent': this.#userAgent, 'accept-encoding': 'identity', ...headers },
      });
      const header = (name: string): string | undefined => {
        const value = answer.headers[name];
        return Array.isArray(value) ? value[0] : value;
      };
      return { status: answer.statusCode, body: answer.body, url, header };
    } catch (fault) {
      throw connectionFault(fault, url, what);
    }
  }
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
