import { readdir } from 'node:fs/promises';
import test, { type ExecutionContext } from 'ava';
import { composeImage, noise } from '../../bin/demo/sample-images.ts';
import { PackferryError, type ErrorCode } from '../../src/core/errors.ts';
import type { LockedImage } from '../../src/core/image.ts';
import { defaultPlatform } from '../../src/core/platform.ts';
import type { ImageSource } from '../../src/core/ports.ts';
import { parseReference } from '../../src/core/reference.ts';
import { openEngineSource, type EngineSourceOptions } from '../../src/engine/engine-source.ts';
import { tempDir } from '../helpers/compose.ts';
import { readImage } from '../helpers/image-reading.ts';
import { containerd, docker25, type Named } from '../helpers/saves.ts';
import { tarOf, type TarMember } from '../helpers/tar-file.ts';
import {
  containerdInfo,
  json,
  withFakeDocker,
  type FakeAnswers,
  type FakeDocker,
  type Handler,
} from './fake-docker.ts';

const name = 'docker.io/demisto/sample:1.0';
const image = composeImage({ files: [{ path: 'file', content: noise('file', 300_000) }] });
const other = composeImage({ files: [{ path: 'other', content: noise('other', 1000) }] });
const named: Named[] = [{ name, image }];
const classic = { Id: image.config.descriptor.digest, Os: 'linux', Architecture: 'amd64', Size: 300_000 };
const save = tarOf(docker25(named));

const send =
  (bytes: Buffer): Handler =>
  (_, response) =>
    void response.writeHead(200, { 'content-type': 'application/x-tar' }).end(bytes);

interface Bench {
  readonly source: ImageSource;
  readonly docker: FakeDocker;
  readonly resolve: (reference?: string, signal?: AbortSignal) => Promise<LockedImage>;
}

async function withSource(
  t: ExecutionContext,
  answers: FakeAnswers,
  use: (bench: Bench) => Promise<void>,
  patience: Pick<EngineSourceOptions, 'saveIdle' | 'inspectWithin'> = {},
): Promise<void> {
  const spoolDir = await tempDir(t);
  await withFakeDocker(answers, async (docker) => {
    const connection = { name: `docker:unix://${docker.socket}`, kind: 'unix', path: docker.socket } as const;
    const source = await openEngineSource(connection, { spoolDir, ...patience });
    try {
      const resolve = (reference = name, signal?: AbortSignal): Promise<LockedImage> =>
        source.resolve(parseReference(reference), defaultPlatform, signal);
      await use({ source, docker, resolve });
    } finally {
      await source.close();
    }
  });
  t.deepEqual(
    (await readdir(spoolDir)).filter((file) => file.endsWith('.part')),
    [],
    'nothing unfinished is left',
  );
}

const savesOf = ({ requests }: FakeDocker): number => requests.filter((line) => line.endsWith('/get')).length;

test('one save serves two names of one image that are asked for at the same time', async (t) => {
  await withSource(t, { inspect: json(classic), save: send(save) }, async ({ source, docker, resolve }) => {
    const [one, two] = await Promise.all([resolve(), resolve('demisto/alias:2')]);
    t.is(savesOf(docker), 1);
    t.is(two.reference, 'docker.io/demisto/alias:2');
    t.deepEqual(one.layers, two.layers);
    t.is(await readImage(source, one), 3);
  });
});

const fails = test.macro({
  async exec(
    t,
    answers: FakeAnswers,
    code: ErrorCode,
    words: string,
    reference?: string,
    patience: Pick<EngineSourceOptions, 'saveIdle' | 'inspectWithin'> = {},
  ) {
    const expectFault = async ({ resolve }: Bench): Promise<void> => {
      const error = await t.throwsAsync(resolve(reference), { instanceOf: PackferryError });
      t.is(error.code, code, error.message);
      t.true(
        error.message.includes('demisto/sample:1.0') || error.message.includes('demisto/sample@'),
        error.message,
      );
      t.true(error.message.includes(words), error.message);
    };
    await withSource(t, answers, expectFault, patience);
  },
  title: (trap) => trap ?? '',
});

const inspect = json(classic);
test(
  'another image is saved than was asked for',
  fails,
  { inspect, save: send(tarOf(docker25([{ name, image: other }]))) },
  'E_SOURCE_PROTOCOL',
  'the engine saved',
);
test(
  'the save is cut off',
  fails,
  { inspect, save: send(save.subarray(0, 200_000)) },
  'E_ARCHIVE_MALFORMED',
  'cut off',
);
test(
  'the connection breaks in the middle',
  fails,
  { inspect, save: breaking },
  'E_SOURCE_UNREACHABLE',
  'broke off',
);
// Short only where it is to run out: a machine under load may take its time for all else.
test('nothing more comes', fails, { inspect, save: stalling }, 'E_SOURCE_UNREACHABLE', 'nothing came', name, {
  saveIdle: 300,
});
test(
  'no answer to the save',
  fails,
  { inspect, save: () => undefined },
  'E_SOURCE_UNREACHABLE',
  'nothing came',
  name,
  { saveIdle: 300 },
);
test(
  'no answer about the image',
  fails,
  { inspect: () => undefined },
  'E_SOURCE_UNREACHABLE',
  'no answer',
  name,
  { inspectWithin: 300 },
);
test(
  'the engine refuses',
  fails,
  { inspect, save: json({ message: 'no space left on device' }, 500) },
  'E_SOURCE_PROTOCOL',
  'no space left',
);
test(
  'the engine denies',
  fails,
  { inspect, save: json({ message: 'plugin says no' }, 403) },
  'E_SOURCE_DENIED',
  'plugin says no',
);
test(
  'the image is gone between two questions',
  fails,
  { inspect, save: json({ message: 'No such image' }, 404) },
  'E_IMAGE_NOT_FOUND',
  'gone',
);
test(
  'a failure that is appended to a good start',
  fails,
  {
    inspect,
    save: send(
      Buffer.concat([save.subarray(0, 200_000), Buffer.from('{"message":"unexpected EOF in snapshot"}\n')]),
    ),
  },
  'E_IMAGE_INCOMPLETE',
  'unexpected EOF in snapshot',
);
test(
  'an ID that is none',
  fails,
  { inspect: json({ ...classic, Id: 'latest' }) },
  'E_SOURCE_PROTOCOL',
  'no image ID',
);
test(
  'the digest of a registry, which the classic store forgets',
  fails,
  { inspect },
  'E_IMAGE_NOT_FOUND',
  'not the manifest of this digest',
  `demisto/sample@${image.manifest.descriptor.digest}`,
);

function breaking(...[request, response]: Parameters<Handler>): void {
  response.writeHead(200).write(save.subarray(0, 100_000), () => request.socket.destroy());
}

function stalling(...[, response]: Parameters<Handler>): void {
  response.writeHead(200).write(save.subarray(0, 100_000));
}

const saved = containerd(named);
const index = indexDigest(saved);
const member = (available: boolean): object => ({
  Available: available,
  Descriptor: { digest: image.manifest.descriptor.digest },
  Kind: 'image',
  ImageData: { Platform: image.platform },
});
const held = { ...classic, Id: index, Manifests: [member(true)] };

function indexDigest(members: readonly TarMember[]): string {
  const file = members.find((found) => found.name === 'index.json');
  const { manifests } = JSON.parse(String(file?.content)) as { manifests: { digest: string }[] };
  return manifests[0]?.digest ?? '';
}

test('the containerd store: the manifest is that of the registry, and its digests are found', async (t) => {
  const answers = { info: containerdInfo, inspect: json(held), save: send(tarOf(saved)) };
  await withSource(t, answers, async ({ source, docker, resolve }) => {
    const locked = await resolve();
    t.deepEqual(locked.manifest, image.manifest.descriptor);
    t.is(await readImage(source, locked), 3);
    for (const digest of [index, image.manifest.descriptor.digest]) {
      t.deepEqual((await resolve(`demisto/sample@${digest}`)).manifest, image.manifest.descriptor);
    }
    t.is(savesOf(docker), 1);
    const unknown = resolve(`demisto/sample@sha256:${'0'.repeat(64)}`);
    await t.throwsAsync(unknown, { instanceOf: PackferryError, code: 'E_IMAGE_NOT_FOUND' });
  });
});

const info = containerdInfo;
const layer = `blobs/sha256/${image.layers[0]?.descriptor.digest.slice(7) ?? ''}`;
const gap = tarOf(saved.filter((found) => found.name !== layer));
test(
  'the containerd store leaves out a layer',
  fails,
  { info, inspect: json(held), save: send(gap) },
  'E_IMAGE_INCOMPLETE',
  layer,
);
test(
  'the containerd store knows that it lacks content',
  fails,
  { info, inspect: json({ ...held, Manifests: [member(false)] }) },
  'E_IMAGE_INCOMPLETE',
  'linux/amd64',
);
const bare = { ...member(false), ImageData: { Platform: { os: '', architecture: '' } } };
test(
  'the containerd store lacks even the config, and with it the platform',
  fails,
  { info, inspect: json({ ...held, Os: '', Architecture: '', Manifests: [bare] }) },
  'E_IMAGE_INCOMPLETE',
  'linux/amd64',
);
const arm = { ...member(true), ImageData: { Platform: { os: 'linux', architecture: 'arm64' } } };
test(
  'the containerd store has other platforms only',
  fails,
  { info, inspect: json({ ...held, Manifests: [arm] }) },
  'E_PLATFORM_NOT_FOUND',
  'linux/arm64',
);

test('an abort ends the save', async (t) => {
  await withSource(t, { inspect, save: stalling }, async ({ resolve }) => {
    const stop = new AbortController();
    const resolving = resolve(name, stop.signal);
    stop.abort(new Error('enough'));
    await t.throwsAsync(resolving, { message: 'enough' });
  });
});

test('an engine out of reach is a source out of reach', async (t) => {
  const path = `${await tempDir(t)}/none.sock`;
  const opening = openEngineSource(
    { name: `podman:unix://${path}`, kind: 'unix', path },
    { spoolDir: await tempDir(t) },
  );
  const error = await t.throwsAsync(opening, { instanceOf: PackferryError, code: 'E_SOURCE_UNREACHABLE' });
  t.true(error.hint?.includes('podman.socket'), error.hint);
});
