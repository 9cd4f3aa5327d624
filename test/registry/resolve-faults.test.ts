import test from 'ava';
import type { ErrorCode } from '../../src/core/errors.ts';
import { parseReference } from '../../src/core/reference.ts';
import { amd64, failure, scripted, sourceFor } from '../helpers/registry-context.ts';
import { MemoryContent, sampleImage } from '../helpers/registry-images.ts';
import { refuse, serveFrom } from '../helpers/registry-scripted.ts';

const answers = test.macro<[code: ErrorCode, status: number, word: string]>({
  async exec(t, code, status, word) {
    const server = await scripted(t, (_request, response) => {
      refuse(response, status, word);
    });
    const reference = parseReference(`${server.host}/a/b:1`);
    const error = await failure(t, code, async () => sourceFor(t).resolve(reference, amd64));
    t.true(error.message.includes(reference.written) && error.message.includes(server.host), error.message);
    t.true(error.message.includes(`refused with ${word}`), 'the registry is quoted');
  },
  title: (_title, code, status, word) => `resolve: ${status} ${word} is ${code}`,
});

test(answers, 'E_IMAGE_NOT_FOUND', 404, 'MANIFEST_UNKNOWN');
test(answers, 'E_IMAGE_NOT_FOUND', 404, 'NAME_UNKNOWN');
test(answers, 'E_IMAGE_NOT_FOUND', 400, 'NAME_UNKNOWN');
test(answers, 'E_SOURCE_DENIED', 403, 'DENIED');
test(answers, 'E_SOURCE_DENIED', 401, 'UNAUTHORIZED');
test(answers, 'E_RATE_LIMITED', 429, 'TOOMANYREQUESTS');
test(answers, 'E_SOURCE_UNREACHABLE', 500, 'UNKNOWN');
test(answers, 'E_SOURCE_PROTOCOL', 400, 'UNSUPPORTED');

test('resolve: a passing fault is tried again', async (t) => {
  const content = new MemoryContent().image('a/b', '1', sampleImage());
  const server = await scripted(t, async (request, response, before) => {
    if (before.length === 0) response.destroy();
    else if (before.length === 1) refuse(response, 503, 'UNAVAILABLE');
    else if (before.length === 2)
      response.writeHead(200, { 'content-length': 5000 }).write('{', () => response.destroy());
    else await serveFrom(content, request, response);
  });
  const source = sourceFor(t, { retries: 3 });
  await source.resolve(parseReference(`${server.host}/a/b:1`), amd64);
  t.is(server.seen.length, 5, 'three faults, then manifest and config');
});

test('resolve: a registry on this machine that speaks HTTPS only: the hint tells how to say so', async (t) => {
  const server = await scripted(t, (_request, response) => {
    response.writeHead(400).end('Client sent an HTTP request to an HTTPS server.\n');
  });
  const reference = parseReference(`${server.host}/a/b:1`);
  const error = await failure(t, 'E_SOURCE_PROTOCOL', async () => sourceFor(t).resolve(reference, amd64));
  t.regex(error.hint ?? '', /plainHttp: false/);
});

test('resolve: a refusal whose words do not end is cut, and made fit to print', async (t) => {
  let sent = 0;
  const server = await scripted(t, (_request, response) => {
    response.writeHead(503, { 'content-type': 'text/plain' });
    const more = (): void => {
      if (response.destroyed) return;
      sent += 64 * 1024;
      response.write(Buffer.alloc(64 * 1024, '\u001b[2J'), more);
    };
    more();
  });
  const reference = parseReference(`${server.host}/a/b:1`);
  const error = await failure(t, 'E_SOURCE_UNREACHABLE', async () => sourceFor(t).resolve(reference, amd64));
  t.true(error.message.length < 5000, String(error.message.length));
  t.false(error.message.includes('\u001b'));
  t.true(sent < 64 * 1024 * 1024, String(sent));
});

test('resolve: an abort ends a request that gets no answer', async (t) => {
  const stop = new AbortController();
  const server = await scripted(t, () => {
    stop.abort();
  });
  const reference = parseReference(`${server.host}/a/b:1`);
  await failure(t, 'E_INTERRUPTED', async () => sourceFor(t).resolve(reference, amd64, stop.signal));
});

test('resolve: a registry that does not answer in time is out of reach', async (t) => {
  const server = await scripted(t, () => undefined);
  const source = sourceFor(t, { timeouts: { headers: 50 } });
  const reference = parseReference(`${server.host}/a/b:1`);
  await failure(t, 'E_SOURCE_UNREACHABLE', async () => source.resolve(reference, amd64));
});

test('resolve: a host that does not exist is out of reach', async (t) => {
  const reference = parseReference('registry.invalid/a/b:1');
  const error = await failure(t, 'E_SOURCE_UNREACHABLE', async () => sourceFor(t).resolve(reference, amd64));
  t.true(error.message.includes('registry.invalid'));
});
