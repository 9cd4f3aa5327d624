import type { Readable } from 'node:stream';
import { PackferryError } from '../core/errors.ts';
import { isLoopback } from '../core/hosts.ts';
import { proxyRefusal } from '../core/http-faults.ts';
import { noteSecretParameters } from '../core/redact.ts';
import { connectionFault } from './connection-fault.ts';
import type { Headers } from './http/answer-head.ts';
import type { Content, HttpRequest } from './http/request.ts';
import { interrupted } from './interrupted.ts';
import type { FilledOptions } from './options.ts';
import { Routes, type Route } from './routes.ts';

/** The registry on whose behalf a request is sent, also where it redirects to. */
export interface Registry {
  readonly url: URL;
  /** How people call its host. */
  readonly host?: string;
}

/** How something is asked for or brought; GET goes without saying. */
export type Method = 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

/** One request: a GET unless it says otherwise, or with `form` a POST. */
export interface Asked {
  readonly url: URL;
  readonly method?: Method | undefined;
  /** How people call the host of `url`, e.g. `docker.io`; certificates may lie under that name. */
  readonly host?: string;
  /** The registry that leads to `url`, when that is not the registry itself. Default: who is asked. */
  readonly registry?: Registry;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent to the origin of `url` only. */
  readonly authorization?: string | undefined;
  /** Posted, and not sent on to where the answer redirects: it may hold a secret. */
  readonly form?: URLSearchParams;
  readonly content?: Content | undefined;
  /** What is being fetched or brought, for messages: names the image. */
  readonly what: string;
  readonly signal?: AbortSignal | undefined;
}

/** An answer whose body has not been read. Whoever gets one must read or destroy `body`. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Readable;
  /** Where the answer came from: not the address that was asked when it redirected. */
  readonly url: URL;
  /** Did another origin than the one that was asked give the answer? */
  readonly elsewhere: boolean;
}

const redirects = new Set([301, 302, 303, 307, 308]);
const maxRedirects = 5;
/** Bytes of an unwanted body that are read for the sake of the connection. */
const mostToDiscard = 64 * 1024;

/** Sends requests to registries and follows redirects. Knows nothing of images, tokens and repetition. */
export class Transport {
  readonly #options: FilledOptions;
  readonly #routes: Routes;

  constructor(options: FilledOptions) {
    this.#options = options;
    this.#routes = new Routes(options);
  }

  /**
   * Sends one request. Redirects are followed by hand, since credentials must not go along: storage hosts refuse
   * presigned URLs that come with them, and would learn them. What changes something is not sent elsewhere.
   */
  async ask(request: Asked): Promise<Answer> {
    const { origin } = request.url;
    let url = request.url;
    let elsewhere = false;
    for (let hops = 0; hops <= maxRedirects; hops += 1) {
      const answer = await this.#send(request, url, elsewhere);
      const location = redirects.has(answer.status) ? headerOf(answer, 'location') : undefined;
      if (location === undefined || !isReading(request)) return answer;
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
    await this.#routes.close();
  }

  async #send(request: Asked, url: URL, elsewhere: boolean): Promise<Answer> {
    const { what, signal } = request;
    const { registry = request } = request;
    const route = await this.#routes.routeTo(url, elsewhere ? undefined : request.host, registry);
    try {
      const sent = await route.connections.send(this.#requestOf(request, url, elsewhere, route), signal);
      const answer = { ...sent, url, elsewhere };
      if (sent.status !== 407 || route.proxy === undefined) return answer;
      await discard(answer);
      throw proxyRefusal(sent.status, route.proxy, url, what);
    } catch (fault) {
      if (signal?.aborted === true) throw interrupted(signal, what);
      throw connectionFault(fault, url, what, route.proxy);
    }
  }

  #requestOf(request: Asked, url: URL, elsewhere: boolean, { proxy, forwards }: Route): HttpRequest {
    const { form, content, method = form === undefined ? 'GET' : 'POST' } = request;
    const authorization = elsewhere ? undefined : request.authorization;
    const toProxy = forwards ? proxy?.authorization : undefined;
    return {
      // A proxy without tunnel is told the whole address (RFC 9112, section 3.2.2).
      target: forwards ? `${url.origin}${url.pathname}${url.search}` : `${url.pathname}${url.search}`,
      method,
      headers: {
        host: url.host,
        'user-agent': this.#options.userAgent,
        'accept-encoding': 'identity',
        ...(form === undefined ? {} : { 'content-type': 'application/x-www-form-urlencoded' }),
        ...request.headers,
        ...(authorization === undefined ? {} : { authorization }),
        ...(toProxy === undefined ? {} : { 'proxy-authorization': toProxy }),
      },
      ...(form === undefined ? {} : { body: form.toString() }),
      ...(content === undefined ? {} : { content }),
    };
  }
}

/** The first value of a header. */
export function headerOf(answer: Pick<Answer, 'headers'>, name: string): string | undefined {
  const value = answer.headers[name];
  return Array.isArray(value) ? value[0] : value;
}

/** Throws a body away; a short one is read to its end so that the connection can be used again. */
export async function discard(answer: Answer): Promise<void> {
  let left = mostToDiscard;
  try {
    for await (const chunk of answer.body as AsyncIterable<Buffer>) {
      left -= chunk.length;
      if (left < 0) return;
    }
  } catch {
    // Nobody wanted it.
  }
}

function isReading({ method = 'HEAD', form }: Asked): boolean {
  return method === 'HEAD' && form === undefined;
}

function nextUrl(location: string, from: URL, what: string): URL {
  const url = URL.canParse(location, from.href) ? new URL(location, from) : undefined;
  if (url !== undefined) noteSecretParameters(url);
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
