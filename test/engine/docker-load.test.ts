import { EventEmitter, once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import { setImmediate } from 'node:timers/promises';
import test from 'ava';
import { composeImage, noise } from '../../bin/demo/sample-images.ts';
import { PackferryError, type ErrorCode } from '../../src/core/errors.ts';
import type { ImageTarget } from '../../src/core/ports.ts';
import { openDockerTarget } from '../../src/engine/docker-target.ts';
import { lockComposed } from '../helpers/compose.ts';
import { composedSource } from '../helpers/system-images.ts';
import { json, withFakeDocker, type FakeAnswers, type Handler } from './fake-docker.ts';

const image = composeImage({ files: [{ path: 'large', content: noise('large', 4 * 1024 * 1024) }] });
const locked = lockComposed('docker.io/demisto/sample:1.0', image);
const source = composedSource([image]);

async function withTarget<T>(answers: FakeAnswers, use: (target: ImageTarget) => Promise<T>): Promise<T> {
  return withFakeDocker(answers, async ({ socket }) => {
    const target = await openDockerTarget({ name: `docker:unix://${socket}`, kind: 'unix', path: socket });
    try {
      return await use(target);
    } finally {
      await target.close();
    }
  });
}

/** Reads the archive to its end, then answers. */
function afterUpload(answer: Handler): Handler {
  return async (request, response) => {
    request.resume();
    await once(request, 'end');
    await answer(request, response);
  };
}

const lines = (...texts: string[]): Handler =>
  afterUpload((_, response) => void response.writeHead(200).end(texts.join('\n')));

const loaded = '{"stream":"Loaded image: demisto/sample:1.0\\n"}';

const fails = test.macro(async (t, load: Handler, code: ErrorCode, words?: string) => {
  await withTarget({ load }, async (target) => {
    const error = await t.throwsAsync(target.deliver(locked, source), { instanceOf: PackferryError, code });
    t.true(error.message.includes(locked.reference), 'names the image');
    t.true(error.message.includes(words ?? ''), error.message);
  });
});

test('200 with an error line', fails, lines('{"error":"kaputt"}'), 'E_LOAD_FAILED', 'kaputt');
test('200 with nothing', fails, lines(), 'E_LOAD_FAILED', 'without saying');
test('200 with a web page', fails, lines('<html>'), 'E_ENGINE_PROTOCOL', '<html>');
test(
  'unpacking fails after success',
  fails,
  lines(loaded, '{"stream":"Error unpacking x"}'),
  'E_LOAD_FAILED',
);
test('500', fails, afterUpload(json({ message: 'kaputt' }, 500)), 'E_LOAD_FAILED', 'kaputt');
test(
  '500 in the words of Podman',
  fails,
  afterUpload(json({ cause: 'c', message: 'p', response: 500 }, 500)),
  'E_LOAD_FAILED',
  'p',
);
test(
  '500 while the archive is still on its way',
  fails,
  json({ message: 'kaputt' }, 500),
  'E_LOAD_FAILED',
  'kaputt',
);
test('403', fails, json({ message: 'kaputt' }, 403), 'E_ENGINE_DENIED', 'kaputt');
test(
  'the connection is cut during the upload',
  fails,
  (request: IncomingMessage) => void request.once('data', () => request.destroy()),
  'E_LOAD_FAILED',
);
test(
  'the answer is cut before it is complete',
  fails,
  afterUpload((_, response) => void response.writeHead(200).write(`${loaded}\n`, () => response.destroy())),
  'E_LOAD_FAILED',
);

test('an answer that never ends can be aborted', async (t) => {
  const abort = new AbortController();
  const reason = new PackferryError('E_INTERRUPTED', 'interrupted');
  const load = afterUpload((_, response) => {
    response.writeHead(200).write(`${loaded}\n`);
    abort.abort(reason);
  });
  await withTarget({ load }, async (target) => {
    t.is(await t.throwsAsync(target.deliver(locked, source, { signal: abort.signal })), reason);
  });
});

test('an abort before the start sends nothing', async (t) => {
  const reason = new PackferryError('E_INTERRUPTED', 'interrupted');
  await withFakeDocker({}, async ({ socket, requests }) => {
    const target = await openDockerTarget({ name: 'docker:', kind: 'unix', path: socket });
    const sent = requests.length;
    t.is(await t.throwsAsync(target.deliver(locked, source, { signal: AbortSignal.abort(reason) })), reason);
    t.is(requests.length, sent);
    await target.close();
  });
});

test('the commit record is not sent after a blob that does not match', async (t) => {
  const received: Buffer[] = [];
  const arrived = new EventEmitter();
  const first = once(arrived, 'data');
  const closed = once(arrived, 'close');
  const load: Handler = (request) => {
    request.on('data', (chunk: Buffer) => {
      received.push(chunk);
      arrived.emit('data');
    });
    request.once('close', () => arrived.emit('close', request.complete));
  };
  const tampered = composedSource([image], (blob, bytes) => {
    if (blob.digest !== locked.layers.at(-1)?.digest) return Readable.from([bytes]);
    const copy = Buffer.from(bytes);
    copy.writeUInt8(copy.readUInt8(copy.length - 1) ^ 1, copy.length - 1);
    return Readable.from(
      (async function* () {
        yield copy.subarray(0, 1024 * 1024);
        await first;
        yield copy.subarray(1024 * 1024);
      })(),
    );
  });
  await withTarget({ load }, async (target) => {
    await t.throwsAsync(target.deliver(locked, tampered), { code: 'E_DIGEST_MISMATCH' });
    t.deepEqual(await closed, [false], 'the request never came to its end');
  });
  const text = Buffer.concat(received).toString('latin1');
  t.true(text.includes('oci-layout'));
  t.false(text.includes('index.json'));
  t.false(text.includes('manifest.json'));
});

test('the archive is not read faster than the engine takes it', async (t) => {
  const big = composeImage({ files: [{ path: 'big', content: noise('big', 32 * 1024 * 1024) }] });
  let produced = 0;
  let taken = 0;
  let ahead = 0;
  const load: Handler = async (request, response) => {
    for await (const chunk of request as AsyncIterable<Buffer>) {
      taken += chunk.length;
      ahead = Math.max(ahead, produced - taken);
      // A slow engine: everybody else gets their turns first.
      for (let turn = 0; turn < 3; turn += 1) await setImmediate();
    }
    response.end(loaded);
  };
  const counted = composedSource([big], (_, bytes) =>
    Readable.from(
      (function* () {
        for (let at = 0; at < bytes.length; at += 65_536) {
          produced += Math.min(65_536, bytes.length - at);
          yield bytes.subarray(at, at + 65_536);
        }
      })(),
    ),
  );
  await withTarget({ load }, async (target) => {
    await target.deliver(lockComposed('docker.io/demisto/big:1', big), counted);
  });
  t.true(produced > 32 * 1024 * 1024);
  t.true(ahead < 8 * 1024 * 1024, `${ahead} bytes ahead`);
});
