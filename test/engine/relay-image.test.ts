import { once } from 'node:events';
import test, { type ExecutionContext } from 'ava';
import { composeImage, noise } from '../../bin/demo/sample-images.ts';
import { PackferryError } from '../../src/core/errors.ts';
import type { LockedImage } from '../../src/core/image.ts';
import { defaultPlatform } from '../../src/core/platform.ts';
import type { ImageSource, ImageTarget } from '../../src/core/ports.ts';
import { parseReference } from '../../src/core/reference.ts';
import { openDockerTarget } from '../../src/engine/docker-target.ts';
import { openEngineSource } from '../../src/engine/engine-source.ts';
import { limitedSources } from '../../src/flows/pace.ts';
import { lockUnpacked, tempDir } from '../helpers/compose.ts';
import { docker25 } from '../helpers/saves.ts';
import { tarOf } from '../helpers/tar-file.ts';
import {
  classicInfo,
  containerdInfo,
  json,
  withFakeDocker,
  type FakeAnswers,
  type FakeDocker,
  type Handler,
} from './fake-docker.ts';

const name = 'docker.io/demisto/sample:1.0';
const composed = composeImage({ files: [{ path: 'file', content: noise('file', 3_000_000) }] });
const image = lockUnpacked(name, composed);
const save = tarOf(docker25([{ name, image: composed }]));
const inspection = {
  ...{ Id: image.config.digest, Os: 'linux', Architecture: 'amd64', Size: 3_000_000 },
  RootFS: { Layers: image.layers.map(({ diffId }) => diffId) },
};

interface Bench {
  readonly source: ImageSource;
  readonly target: ImageTarget;
  readonly from: FakeDocker;
  readonly to: FakeDocker;
}

async function withBoth(
  t: ExecutionContext,
  answers: { readonly from: FakeAnswers; readonly to: FakeAnswers; readonly saveIdle?: number },
  use: (bench: Bench) => Promise<void>,
): Promise<void> {
  const spoolDir = await tempDir(t);
  const { saveIdle = 60_000 } = answers;
  await withFakeDocker(answers.from, (from) =>
    withFakeDocker(answers.to, async (to) => {
      const connection = ({ socket }: FakeDocker): Parameters<typeof openDockerTarget>[0] => {
        return { name: `docker:unix://${socket}`, kind: 'unix', path: socket };
      };
      const source = await openEngineSource(connection(from), { spoolDir, saveIdle });
      const target = await openDockerTarget(connection(to));
      try {
        await use({ source, target, from, to });
      } finally {
        await target.close();
        await source.close();
      }
    }),
  );
}

/** Takes an archive to its end, and says that it is loaded. */
const load: Handler = async (request, response) => {
  request.resume();
  await once(request, 'end');
  response.writeHead(200).end('{"stream":"Loaded image: demisto/sample:1.0\\n"}\n');
};

async function resolved({ unpacked }: ImageSource): Promise<LockedImage> {
  const found = await unpacked?.resolve(parseReference(name), defaultPlatform);
  if (found === undefined) throw new Error('the source has no unpacked images');
  return found;
}

const inspect = json(inspection);
const sending: Handler = (_, response) => void response.writeHead(200).end(save);

test('an image that goes from engine to engine is saved once, and known without being saved', async (t) => {
  await withBoth(t, { from: { inspect, save: sending }, to: { load } }, async (bench) => {
    const { source, target, from } = bench;
    const found = await resolved(source);
    t.deepEqual(
      found.layers.map(({ diffId }) => diffId),
      image.layers.map(({ diffId }) => diffId),
    );
    t.like(found, { reference: name, isUnpacked: true, config: { digest: image.config.digest } });
    t.is(from.requests.filter((line) => line.endsWith('/get')).length, 0);
    // A limit that is never reached: the save is still a save.
    const limited = limitedSources({ limitRate: 1e9 })(source);
    const { bytesSent, bytesSkipped } = await target.deliver(found, limited);
    t.true(bytesSent > 3_000_000 && bytesSent < 3_010_000, String(bytesSent));
    t.is(bytesSkipped, 0);
    t.is(from.requests.filter((line) => line.endsWith('/get')).length, 1);
  });
});

test('a source that stands still ends the load, and is told as the source', async (t) => {
  let ended: Promise<unknown> = Promise.resolve();
  const waiting: Handler = (request) => {
    request.resume();
    ended = new Promise((resolve) => request.once('close', resolve));
  };
  const stalling: Handler = (_, response) => void response.writeHead(200).write(save.subarray(0, 2_000_000));
  await withBoth(
    t,
    { from: { inspect, save: stalling }, to: { load: waiting }, saveIdle: 500 },
    async ({ source, target }) => {
      const delivering = target.deliver(await resolved(source), source);
      const error = await t.throwsAsync(delivering, { instanceOf: PackferryError });
      t.is(error.code, 'E_SOURCE_UNREACHABLE', error.message);
      t.true(error.message.includes(name), error.message);
      await ended;
    },
  );
});

test('a target that refuses is told as the target, and the save is let go', async (t) => {
  let closed: Promise<unknown> = Promise.resolve();
  const endless: Handler = (_, response) => {
    closed = new Promise((resolve) => response.once('close', resolve));
    response.writeHead(200).write(save.subarray(0, -2048));
  };
  const refuse: Handler = json({ message: 'write /layer.tar: no space left on device' }, 500);
  await withBoth(
    t,
    { from: { inspect, save: endless }, to: { load: refuse } },
    async ({ source, target }) => {
      const delivering = target.deliver(await resolved(source), source);
      const error = await t.throwsAsync(delivering, { instanceOf: PackferryError });
      t.is(error.code, 'E_TARGET_FULL', error.message);
      await closed;
    },
  );
});

test('layers that are none are no image', async (t) => {
  const broken = json({ ...inspection, RootFS: { Layers: ['latest'] } });
  await withBoth(t, { from: { inspect: broken }, to: {} }, async ({ source }) => {
    await t.throwsAsync(resolved(source), { instanceOf: PackferryError, code: 'E_SOURCE_PROTOCOL' });
  });
});

test('the containerd store neither gives nor takes such images', async (t) => {
  const info = { info: containerdInfo };
  await withBoth(t, { from: info, to: info }, ({ source, target }) => {
    t.is(source.unpacked, undefined);
    t.is(target.takesSaves, false);
    return Promise.resolve();
  });
  await withBoth(t, { from: { info: classicInfo }, to: { info: classicInfo } }, ({ source, target }) => {
    t.not(source.unpacked, undefined);
    t.is(target.takesSaves, true);
    return Promise.resolve();
  });
});
