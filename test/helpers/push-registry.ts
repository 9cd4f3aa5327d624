import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { ExecutionContext } from 'ava';
import { digestOf } from '../../src/core/digest.ts';

/** One request to a registry that takes uploads. */
export interface PushRequest {
  readonly method: string;
  readonly url: URL;
  readonly headers: IncomingMessage['headers'];
  readonly message: IncomingMessage;
  readonly response: ServerResponse;
  /** How many requests of this method came before. */
  readonly before: number;
}

/** Answers a request in another way than a good registry would; true when it did. */
export type Mischief = (request: PushRequest, registry: PushRegistry) => boolean | Promise<boolean>;

/** A registry in memory that takes uploads as the distribution specification has it, for faults that a real one does not commit. */
export class PushRegistry {
  /** `127.0.0.1:PORT`. */
  host = '';
  /** `METHOD path?query` of every request. */
  readonly seen: string[] = [];
  readonly requests: PushRequest[] = [];
  readonly blobs = new Map<string, Buffer>();
  /** By `repository name`. */
  readonly manifests = new Map<string, { readonly bytes: Buffer; readonly type: string }>();
  readonly uploads = new Map<string, Buffer>();
  /** Bytes of blobs that came in. */
  received = 0;
  readonly #mischief: Mischief;
  #opened = 0;

  constructor(mischief: Mischief) {
    this.#mischief = mischief;
  }

  count(method: string, path = ''): number {
    return this.seen.filter((line) => line.startsWith(`${method} `) && line.includes(path)).length;
  }

  async answer(message: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', headers } = message;
    const url = new URL(message.url ?? '', `http://${this.host}`);
    const request = { method, url, headers, message, response, before: this.count(method) };
    this.seen.push(`${method} ${url.pathname}${url.search}`);
    this.requests.push(request);
    if (await this.#mischief(request, this)) return;
    const [, repository = '', kind = '', rest = ''] =
      /^\/v2\/(.+?)\/(manifests|blobs\/uploads|blobs)\/(.*)$/.exec(url.pathname) ?? [];
    if (kind === 'manifests') await this.#manifest(request, repository, rest);
    else if (kind === 'blobs') this.#blob(request, `${repository} ${rest}`);
    else await this.#upload(request, repository, rest);
  }

  /** Takes so many bytes of a body into an upload, then breaks the connection. */
  async takeAndCut({ url, message, response }: PushRequest, bytes: number): Promise<true> {
    const id = url.pathname.split('/').at(-1) ?? '';
    let left = bytes;
    for await (const chunk of message as AsyncIterable<Buffer>) {
      this.#add(id, chunk.subarray(0, left));
      left -= chunk.length;
      if (left <= 0) break;
    }
    response.destroy();
    return true;
  }

  async #manifest(request: PushRequest, repository: string, name: string): Promise<void> {
    const { method, response, message, headers } = request;
    const key = `${repository} ${name}`;
    if (method === 'PUT') {
      const bytes = await bodyOf(message);
      const digest = digestOf(bytes);
      for (const one of [key, `${repository} ${digest}`]) {
        this.manifests.set(one, { bytes, type: headers['content-type'] ?? '' });
      }
      response.writeHead(201, { 'docker-content-digest': digest }).end();
      return;
    }
    const found = this.manifests.get(key);
    if (found === undefined || method === 'DELETE') {
      this.manifests.delete(key);
      response.writeHead(method === 'DELETE' ? 202 : 404).end();
      return;
    }
    const digest = digestOf(found.bytes);
    response.writeHead(200, { 'content-type': found.type, 'docker-content-digest': digest });
    response.end(method === 'HEAD' ? undefined : found.bytes);
  }

  #blob({ method, response }: PushRequest, key: string): void {
    const bytes = this.blobs.get(key);
    response.writeHead(bytes === undefined ? 404 : 200, { 'content-length': bytes?.length ?? 0 });
    response.end(method === 'HEAD' ? undefined : bytes);
  }

  async #upload(
    { method, url, message, response }: PushRequest,
    repository: string,
    id: string,
  ): Promise<void> {
    const place = `${url.pathname}?state=a%2Fb`;
    if (method === 'POST') {
      this.#opened += 1;
      this.uploads.set(`u${this.#opened}`, Buffer.alloc(0));
      response
        .writeHead(202, { location: `/v2/${repository}/blobs/uploads/u${this.#opened}?state=a%2Fb` })
        .end();
      return;
    }
    const held = this.uploads.get(id);
    if (held === undefined) {
      response.writeHead(404).end('{"errors":[{"code":"BLOB_UPLOAD_UNKNOWN","message":"gone"}]}');
      return;
    }
    const [, from = '0'] = /^(\d+)-\d+$/.exec(message.headers['content-range'] ?? '') ?? [];
    if (method === 'PATCH' && Number(from) !== held.length) {
      response.writeHead(416).end();
      return;
    }
    if (method === 'PATCH' || method === 'PUT') this.#add(id, await bodyOf(message));
    const whole = this.uploads.get(id) ?? held;
    const range = `0-${Math.max(0, whole.length - 1)}`;
    if (method === 'DELETE') {
      this.uploads.delete(id);
      response.writeHead(204).end();
    } else if (method === 'PUT') {
      const digest = url.searchParams.get('digest') ?? '';
      const isGood = digest === digestOf(whole);
      if (isGood) this.blobs.set(`${repository} ${digest}`, whole);
      this.uploads.delete(id);
      response.writeHead(isGood ? 201 : 400, { 'docker-content-digest': digest }).end();
    } else response.writeHead(method === 'GET' ? 204 : 202, { location: place, range }).end();
  }

  #add(id: string, bytes: Buffer): void {
    this.received += bytes.length;
    this.uploads.set(id, Buffer.concat([this.uploads.get(id) ?? Buffer.alloc(0), bytes]));
  }
}

/** Starts one on a free loopback port; it is closed when the test ends. */
export async function pushRegistry(
  t: ExecutionContext,
  mischief: Mischief = () => false,
): Promise<PushRegistry> {
  const registry = new PushRegistry(mischief);
  const server = createServer((message, response) => {
    registry.answer(message, response).catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  registry.host = `127.0.0.1:${address.port}`;
  t.teardown(() => {
    server.close();
    server.closeAllConnections();
  });
  return registry;
}

async function bodyOf(message: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of message as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks);
}
