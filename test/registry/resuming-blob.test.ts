import type { ServerResponse } from 'node:http';
import test, { type ExecutionContext } from 'ava';
import { collect } from '../../src/core/collect.ts';
import type { ErrorCode } from '../../src/core/errors.ts';
import type { LockedImage } from '../../src/core/image.ts';
import { mediaTypes } from '../../src/core/media-types.ts';
import type { RegistrySourceOptions } from '../../src/registry/options.ts';
import { noise } from '../../bin/demo/sample-images.ts';
import { amd64, failure, scripted, sourceFor } from '../helpers/registry-context.ts';
import { descriptorOf, sampleImage } from '../helpers/registry-images.ts';
import { refuse, type Script, type Seen, type ScriptedServer } from '../helpers/registry-scripted.ts';
import { TokenGuard } from '../helpers/registry-tokens.ts';

const bytes = Buffer.from(noise('blob', 1_000_000));
const blob = descriptorOf(mediaTypes.ociLayer, bytes);
const size = bytes.length;

function imageAt(host: string): LockedImage {
  const { descriptor } = sampleImage().manifest;
  const source = `registry://${host}`;
  return {
    reference: `${host}/a/b:1`,
    platform: amd64,
    manifest: descriptor,
    config: blob,
    layers: [],
    source,
  };
}

/** The first byte that a request asks for. */
function startOf({ headers }: Seen): number {
  return Number(/^bytes=(\d+)-$/.exec(headers.range ?? '')?.[1] ?? 0);
}

/** Answers a request for the blob as a good registry would, but only the first `most` bytes of what it announces. */
function serve(request: Seen, response: ServerResponse, most = size, content = bytes): void {
  const start = startOf(request);
  const rest = content.subarray(start);
  response.writeHead(request.headers.range === undefined ? 200 : 206, {
    'content-length': rest.length,
    ...(start === 0 ? {} : { 'content-range': `bytes ${start}-${content.length - 1}/${content.length}` }),
  });
  if (most >= rest.length) response.end(rest);
  else response.write(rest.subarray(0, most), () => response.destroy());
}

interface Pulled {
  readonly server: ScriptedServer;
  /** Where each request began. */
  readonly starts: number[];
  /** Who gave bytes, in order. */
  readonly served: string[];
  readonly bytes: Promise<Buffer>;
}

/** Pulls the blob from a server that runs this script; 3 tries, waits of milliseconds. */
async function pull(
  t: ExecutionContext,
  script: Script,
  {
    from = 0,
    wanted = blob,
    ...options
  }: RegistrySourceOptions & { from?: number; wanted?: typeof blob } = {},
): Promise<Pulled> {
  const server = await scripted(t, script);
  const source = sourceFor(t, { retries: 3, ...options });
  const served: string[] = [];
  const read = async (): Promise<Buffer> => {
    const onServed = (host: string): void => void served.push(host);
    const stream = await source.openBlob(imageAt(server.host), wanted, { from, onServed });
    return collect(stream, 2 * size, 'blob');
  };
  const bytesRead = read();
  bytesRead.catch(() => undefined);
  await Promise.allSettled([bytesRead]);
  const starts = server.seen.filter(({ path }) => path.includes('/blobs/')).map(startOf);
  return { server, starts, served, bytes: bytesRead };
}

const third = Math.floor(size / 3);
/** Runs the first script for the first request, the second for the second, ...; the last one for all others. */
const inTurn =
  (...scripts: readonly Script[]): Script =>
  (request, response, before) =>
    scripts[Math.min(before.length, scripts.length - 1)]?.(request, response, before);
const good: Script = (request, response) => {
  serve(request, response);
};
const cutAt =
  (most: number): Script =>
  (request, response) => {
    serve(request, response, most);
  };
const reset: Script = (_request, response) => {
  response.destroy();
};
const answers =
  (status: number, headers: Record<string, string> = {}): Script =>
  (_request, response) => {
    refuse(response, status, 'NO', headers);
  };
const whole: Script = (request, response) => {
  serve({ ...request, headers: {} }, response);
};

const survives = test.macro({
  async exec(t, script: Script, starts: readonly number[], options: RegistrySourceOptions = {}) {
    const pulled = await pull(t, script, options);
    t.true((await pulled.bytes).equals(bytes));
    t.deepEqual(pulled.starts, starts);
  },
  title: (title) => `a pull survives: ${title ?? ''}`,
});

test('a reset before the answer', survives, inTurn(reset, reset, good), [0, 0, 0]);
test('a reset in the middle', survives, inTurn(cutAt(third), good), [0, third]);
test('a reset in the middle, and one before the next answer', survives, inTurn(cutAt(third), reset, good), [
  0,
  third,
  third,
]);
test('a stall in the middle', survives, inTurn(stallsAt(third), good), [0, third], {
  timeouts: { body: 1000 },
});
test(
  'a stall before the answer',
  survives,
  inTurn(() => undefined, good),
  [0, 0],
  {
    timeouts: { headers: 1000 },
  },
);
test('a truncated answer of unknown length', survives, inTurn(endsAt(third), good), [0, third]);
test(
  '500, 502, 503, 504, then good',
  survives,
  inTurn(cutAt(third), answers(502), answers(503), answers(504), good),
  [0, third, third, third, third],
);
test('429 without a word on how long', survives, inTurn(answers(429), answers(429), good), [0, 0, 0]);
test('429 with Retry-After', survives, inTurn(answers(429, { 'retry-after': '1' }), good), [0, 0]);
test('a registry that ignores ranges', survives, inTurn(cutAt(third), whole), [0, third]);
test('a registry that gives another range', survives, inTurn(cutAt(third), otherRange, good), [0, third, 0]);
test('a registry that answers 416', survives, inTurn(cutAt(third), answers(416), good), [0, third, 0]);
test('a body that is longer than said', survives, tooLong, [0]);

test('a pull survives: a connection that breaks far more often than there are tries', async (t) => {
  const step = 70_000;
  const { starts, bytes: read } = await pull(t, cutAt(step), { retries: 2 });
  t.true((await read).equals(bytes));
  t.deepEqual(
    starts,
    Array.from({ length: Math.ceil(size / step) }, (_, at) => at * step),
  );
});

test('a pull survives: the address of the storage expires, and a new one is asked for', async (t) => {
  let signed = 0;
  const storage = await scripted(t, (request, response) => {
    const number = Number(request.path.slice('/signed/'.length));
    // The first address is good for a third, the second has expired already.
    if (number === 1) serve(request, response, third);
    else if (number === 2) response.writeHead(403).end('<Error><Code>AccessDenied</Code></Error>');
    else serve(request, response);
  });
  const {
    starts,
    served,
    server,
    bytes: read,
  } = await pull(t, (_request, response) => {
    response.writeHead(307, { location: `${storage.url}/signed/${(signed += 1)}` }).end();
  });
  t.true((await read).equals(bytes));
  t.deepEqual(starts, [0, third, third]);
  t.deepEqual(storage.seen.map(startOf), [0, third, third]);
  t.deepEqual(served, [
    `${server.host} (by way of ${storage.host})`,
    `${server.host} (by way of ${storage.host})`,
  ]);
});

test('a pull survives: the token ends in mid-run', async (t) => {
  const guard = new TokenGuard();
  let times = 0;
  const { starts, bytes: read } = await pull(
    t,
    guard.script((request, response) => {
      times += 1;
      serve(request, response, times === 1 ? third : size);
      if (times === 1) guard.revoke();
    }),
  );
  t.true((await read).equals(bytes));
  t.is(guard.asked.length, 2);
  // Each token is got by a request that is refused.
  t.deepEqual(starts, [0, 0, third, third]);
});

test('a pull survives: a mirror that breaks without getting ahead; the registry goes on', async (t) => {
  const registry = await scripted(t, good);
  const mirror = await scripted(t, cutAt(100));
  const source = sourceFor(t, {
    retries: 3,
    registries: new Map([[registry.host, { mirrors: [mirror.host] }]]),
  });
  const served: string[] = [];
  const onServed = (host: string): void => void served.push(host);
  const stream = await source.openBlob({ ...imageAt(registry.host), source: '' }, blob, { onServed });
  t.true((await collect(stream, size, 'blob')).equals(bytes));
  t.deepEqual(served, [mirror.host, registry.host]);
  t.deepEqual(registry.seen.map(startOf), [100]);
});

const fails = test.macro({
  async exec(
    t,
    code: ErrorCode,
    script: Script,
    tries: number,
    options: RegistrySourceOptions & { from?: number } = {},
  ) {
    const pulled = await pull(t, script, options);
    const error = await failure(t, code, () => pulled.bytes);
    t.true(error.message.includes(`/a/b:1: blob ${blob.digest}`), error.message);
    t.true(error.message.includes(pulled.server.host), error.message);
    t.is(pulled.starts.length, tries);
  },
  title: (title) => `a pull fails: ${title ?? ''}`,
});

test('a connection that never gets anywhere', fails, 'E_SOURCE_UNREACHABLE', cutAt(0), 4);
test('a connection that hardly gets anywhere', fails, 'E_SOURCE_UNREACHABLE', cutAt(10), 4);
test('500 for ever', fails, 'E_SOURCE_UNREACHABLE', answers(500), 4);
test('429 for longer than allowed', fails, 'E_RATE_LIMITED', answers(429, { 'retry-after': '700' }), 1);
test('503 for longer than allowed', fails, 'E_RATE_LIMITED', answers(503, { 'retry-after': '700' }), 1);
test('a length that is too small', fails, 'E_SIZE_MISMATCH', longer(size - 1, true), 1);
test('a length that is too large', fails, 'E_SIZE_MISMATCH', longer(size + 1, true), 1);
test('content without length that is too large', fails, 'E_SIZE_MISMATCH', longer(size + 1, false), 1);
test('content without length that never ends', fails, 'E_SIZE_MISMATCH', endless, 1);
test('content without length that is too small', fails, 'E_SIZE_MISMATCH', longer(size - 1, false), 3);
test('403 from the storage for ever', fails, 'E_SOURCE_DENIED', toStorage403(), 4);

test('a pull fails: a content whose pulls are used up says when they are back', async (t) => {
  const headers = {
    'ratelimit-limit': '100;w=21600',
    'ratelimit-remaining': '0;w=21600',
    'docker-ratelimit-source': '192.0.2.7',
  };
  const { bytes: read } = await pull(t, answers(429, headers));
  const error = await failure(t, 'E_RATE_LIMITED', () => read);
  const [, time = ''] = /until (\S+Z)/.exec(error.message) ?? [];
  t.true(Math.abs(Date.parse(time) - Date.now() - 21_600_000) < 60_000, error.message);
});

function stallsAt(most: number): Script {
  return (request, response) => {
    const rest = bytes.subarray(startOf(request));
    response.writeHead(200, { 'content-length': rest.length }).write(rest.subarray(0, most));
  };
}

function endsAt(most: number): Script {
  return (_request, response) => {
    response.writeHead(200).end(bytes.subarray(0, most));
  };
}

function otherRange(_request: Seen, response: ServerResponse): void {
  response.writeHead(206, { 'content-range': `bytes 0-${size - 1}/${size}` }).end(bytes);
}

function tooLong(_request: Seen, response: ServerResponse): void {
  response.socket?.end(
    Buffer.concat([
      Buffer.from(`HTTP/1.1 200 OK\r\ncontent-length: ${size}\r\n\r\n`),
      bytes,
      Buffer.alloc(5000),
    ]),
  );
}

/** Content of another length, with or without saying so; ranges are served of that content. */
function longer(length: number, isTold: boolean): Script {
  const content = Buffer.concat([bytes, Buffer.alloc(10)]).subarray(0, length);
  return (request, response) => {
    const start = startOf(request);
    if (start >= length) {
      refuse(response, 416, 'RANGE_INVALID');
      return;
    }
    response.writeHead(200, isTold ? { 'content-length': length } : {});
    response.end(content);
  };
}

function endless(_request: Seen, response: ServerResponse): void {
  response.writeHead(200);
  const more = (): void => {
    while (!response.destroyed && response.write(bytes));
  };
  response.on('drain', more);
  more();
}

function toStorage403(): Script {
  return (request, response) => {
    // Another origin, though the same machine.
    if (request.path.startsWith('/storage')) response.writeHead(403).end();
    else {
      const { host = '' } = request.headers;
      response.writeHead(307, { location: `http://${host.replace('127.0.0.1', 'localhost')}/storage` }).end();
    }
  };
}
