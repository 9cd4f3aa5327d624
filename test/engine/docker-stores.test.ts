import test from 'ava';
import { composeImage } from '../../bin/demo/sample-images.ts';
import type { Digest } from '../../src/core/digest.ts';
import type { Presence } from '../../src/core/ports.ts';
import { openDockerTarget } from '../../src/engine/docker-target.ts';
import { lockComposed } from '../helpers/compose.ts';
import { classicInfo, containerdInfo, json, withFakeDocker, type Handler } from './fake-docker.ts';

// What engines answer to an inspection, by image store: Docker 20.10 and 28.5 (classic), 28.5 and 29 (containerd).

const image = composeImage({ files: [{ path: 'a', content: 'a' }] });
const locked = lockComposed('docker.io/demisto/sample:1.0', image);
const untagged = lockComposed(`docker.io/demisto/sample@${locked.manifest.digest}`, image);
const layers = locked.layers.map((layer) => layer.diffId);
const otherDigest: Digest = `sha256:${'0'.repeat(64)}`;

const platform = { Os: 'linux', Architecture: 'amd64' };
const rootfs = { RootFS: { Type: 'layers', Layers: layers } };
const manifests = (digest: string, Available: boolean) => ({
  Manifests: [{ ID: digest, Available, Descriptor: { mediaType: 'x', digest, size: 1 } }],
});

const holds = test.macro(
  async (t, info: Handler, answer: object, presence: Partial<Presence>, confirmed: boolean) => {
    await withFakeDocker({ info, inspect: json(answer) }, async ({ socket }) => {
      const target = await openDockerTarget({ name: 'docker:', kind: 'unix', path: socket });
      const [found] = await target.survey([locked]);
      t.like(found, presence);
      t.is((await target.confirm(locked)).confirmed, confirmed);
      await target.close();
    });
  },
);

const present: Presence = { state: 'present' };
const absent: Presence = { state: 'absent' };
const conflict = (holder: string) => ({ state: 'conflict' as const, holder });
const { digest: config } = locked.config;
const { digest: manifest } = locked.manifest;

test('classic: the image', holds, classicInfo, { Id: config, ...platform, ...rootfs }, present, true);
test(
  'Podman: an ID without algorithm',
  holds,
  classicInfo,
  { Id: config.slice('sha256:'.length), ...platform, ...rootfs },
  present,
  true,
);
test(
  'classic: another image',
  holds,
  classicInfo,
  { Id: otherDigest, ...platform, ...rootfs },
  conflict(otherDigest),
  false,
);
test(
  'classic: the manifest digest is no ID',
  holds,
  classicInfo,
  { Id: manifest, ...platform, ...rootfs },
  conflict(manifest),
  false,
);
test(
  'classic: other layers under the same ID',
  holds,
  classicInfo,
  { Id: config, ...platform, RootFS: { Layers: [otherDigest] } },
  absent,
  false,
);
test(
  'classic: another architecture under the same ID',
  holds,
  classicInfo,
  { Id: config, Os: 'linux', Architecture: 'arm64', ...rootfs },
  absent,
  false,
);
test(
  'containerd store before API 1.48: the image',
  holds,
  containerdInfo,
  { Id: manifest, ...platform, ...rootfs },
  present,
  true,
);
test(
  'containerd store: the image, its content available',
  holds,
  containerdInfo,
  { Id: manifest, ...platform, ...rootfs, ...manifests(manifest, true) },
  present,
  true,
);
test(
  'containerd store 29: layers are told although their content is missing',
  holds,
  containerdInfo,
  { Id: manifest, ...platform, ...rootfs, ...manifests(manifest, false) },
  absent,
  false,
);
test(
  'containerd store 28: no layers are told when their content is missing',
  holds,
  containerdInfo,
  { Id: manifest, ...platform, RootFS: { Type: 'layers' } },
  absent,
  false,
);
test(
  'containerd store: pulled by an index that holds the image',
  holds,
  containerdInfo,
  { Id: otherDigest, ...platform, ...rootfs, ...manifests(manifest, true) },
  { state: 'present', id: otherDigest },
  true,
);
test(
  'containerd store before API 1.48: pulled by an index',
  holds,
  containerdInfo,
  { Id: otherDigest, ...platform, ...rootfs },
  { state: 'present', id: otherDigest },
  true,
);
test(
  'containerd store before API 1.48: pulled by the index of an image with other layers',
  holds,
  containerdInfo,
  { Id: otherDigest, ...platform, RootFS: { Layers: [otherDigest] } },
  conflict(otherDigest),
  false,
);
test(
  'containerd store before API 1.48: pulled by an index for another platform',
  holds,
  containerdInfo,
  { Id: otherDigest, Os: 'linux', Architecture: 'arm64', ...rootfs },
  conflict(otherDigest),
  false,
);
test(
  'containerd store: an index that does not hold the image, although its layers are the same',
  holds,
  containerdInfo,
  { Id: otherDigest, ...platform, ...rootfs, ...manifests(config, true) },
  conflict(otherDigest),
  false,
);
test(
  'containerd store: the config digest is no ID',
  holds,
  containerdInfo,
  { Id: config, ...platform, ...rootfs, ...manifests(otherDigest, true) },
  conflict(config),
  false,
);

const asksFor = test.macro(async (t, info: Handler, expected: readonly string[]) => {
  await withFakeDocker({ info }, async ({ socket, requests }) => {
    const target = await openDockerTarget({ name: 'docker:', kind: 'unix', path: socket });
    t.like(await target.survey([locked, untagged]), [absent, absent]);
    t.deepEqual(
      requests.filter((request) => /\/images\/.*\/json/.test(request)),
      expected,
    );
    await target.close();
  });
});

test('classic: asks by name, or by config digest', asksFor, classicInfo, [
  `GET /images/docker.io/demisto/sample:1.0/json`,
  `GET /images/${config}/json`,
]);
test('containerd store: asks by name, or by manifest digest, with manifests', asksFor, containerdInfo, [
  `GET /images/docker.io/demisto/sample:1.0/json?manifests=1`,
  `GET /images/${manifest}/json?manifests=1`,
]);
