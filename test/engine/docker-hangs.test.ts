import { once } from 'node:events';
import { Readable } from 'node:stream';
import test from 'ava';
import { composeImage, noise } from '../../bin/demo/sample-images.ts';
import { PackferryError } from '../../src/core/errors.ts';
import type { ImageTarget } from '../../src/core/ports.ts';
import { openDockerTarget, type DockerTargetOptions } from '../../src/engine/docker-target.ts';
import { lockComposed } from '../helpers/compose.ts';
import { composedSource } from '../helpers/system-images.ts';
import { withFakeDocker, type FakeAnswers, type Handler } from './fake-docker.ts';

const image = composeImage({ files: [{ path: 'large', content: noise('large', 16 * 1024 * 1024) }] });
const locked = lockComposed('docker.io/demisto/sample:1.0', image);
const source = composedSource([image]);
const loaded = '{"stream":"Loaded image: demisto/sample:1.0\\n"}';

const silence: Handler = () => undefined;

async function withTarget<T>(
  answers: FakeAnswers,
  options: DockerTargetOptions,
  use: (target: ImageTarget) => Promise<T>,
): Promise<T> {
  return withFakeDocker(answers, async ({ socket }) => {
    const target = await openDockerTarget({ name: 'docker:test', kind: 'unix', path: socket }, options);
    try {
      return await use(target);
    } finally {
      await target.close();
    }
  });
}

const askedInVain = test.macro(async (t, ask: (target: ImageTarget) => Promise<unknown>) => {
  await withTarget({ inspect: silence }, { inspectWithin: 50 }, async (target) => {
    const error = await t.throwsAsync(ask(target), {
      instanceOf: PackferryError,
      code: 'E_ENGINE_UNREACHABLE',
    });
    for (const name of [locked.reference, 'docker:test']) t.true(error.message.includes(name), error.message);
  });
});
test('an engine that hangs in a survey', askedInVain, (target) => target.survey([locked]));
test('an engine that hangs in a confirmation', askedInVain, (target) => target.confirm(locked));
test('an engine that hangs before a load', askedInVain, (target) => target.deliver(locked, source));

const hangs = test.macro(async (t, load: Handler) => {
  await withTarget({ load }, { loadIdle: 200 }, async (target) => {
    const error = await t.throwsAsync(target.deliver(locked, source), {
      instanceOf: PackferryError,
      code: 'E_LOAD_FAILED',
    });
    t.true(error.message.includes(locked.reference), error.message);
    t.truthy(error.hint);
  });
});
test('a load of which the engine takes nothing', hangs, silence);
test('a load that the engine takes, and says nothing', hangs, (request) => void request.resume());
test('a load whose answer stops in the middle', hangs, (request, response) => {
  request.resume().once('end', () => response.writeHead(200).write('{"stream":"Loading layer\\n"}\n'));
});

test('a slow load that goes on is waited for', async (t) => {
  // Long enough for a machine that is busy with other tests: it must not run out.
  const idle = 3000;
  const load: Handler = async (request, response) => {
    await once(request.resume(), 'end');
    response.writeHead(200);
    // One and a half times the patience in all, with a line every quarter of it.
    let lines = 0;
    const ticking = setInterval(() => {
      lines += 1;
      if (lines < 6) return void response.write('{"stream":"Loading layer\\n"}\n');
      clearInterval(ticking);
      response.end(loaded);
    }, idle / 4);
  };
  await withTarget({ load }, { loadIdle: idle }, async (target) => {
    await t.notThrowsAsync(target.deliver(locked, source));
  });
});

test('an engine that waits for a source that hangs is left too, and the source is closed', async (t) => {
  const stuck = new Readable({ read: () => undefined });
  const load: Handler = (request) => void request.resume();
  await withTarget({ load }, { loadIdle: 100 }, async (target) => {
    const hung = { ...source, openBlob: () => Promise.resolve(stuck) };
    await t.throwsAsync(target.deliver(locked, hung), { code: 'E_LOAD_FAILED' });
    if (!stuck.closed) await once(stuck, 'close').catch(() => undefined);
    t.true(stuck.destroyed);
  });
});
