import test from 'ava';
import { digestOf } from '../../src/core/digest.ts';
import type { LockedImage } from '../../src/core/image.ts';
import { mediaTypes } from '../../src/core/media-types.ts';
import { judgeResolved } from '../../src/pack/policy-resolved.ts';
import type { Policy } from '../../src/pack/policy.ts';
import type { BundleFinding } from '../../src/schema/bundle.ts';

const blob = { mediaType: mediaTypes.ociManifest, digest: digestOf('manifest'), size: 5 };

function judged(layerTypes: readonly string[], zstd: Policy['zstd']): BundleFinding[] {
  const image: LockedImage = {
    reference: 'docker.io/a/b:1',
    platform: { os: 'linux', architecture: 'amd64' },
    manifest: blob,
    config: blob,
    layers: layerTypes.map((mediaType) => ({ ...blob, mediaType, diffId: digestOf('diff') })),
    source: 'registry://docker.io',
  };
  const file = 'P/x.yml';
  const use = { pack: 'P', item: 'X', kind: 'script', file, line: 7, column: 1, key: 'dockerimage' } as const;
  const policy = {
    organizations: [],
    thirdParty: 'allow',
    latest: 'warn',
    deprecated: 'warn',
    witness: 'ignore',
    zstd,
  } as const;
  return judgeResolved([{ image, usedBy: [use] }], policy, []);
}

test('layers in zstd are told of, with their number and the place that needs the image', (t) => {
  const types = [mediaTypes.ociLayerGzip, mediaTypes.ociLayerZstd, mediaTypes.ociLayerZstd];
  const [finding, ...others] = judged(types, 'warn');
  t.deepEqual(others, []);
  t.like(finding, {
    rule: 'zstd',
    severity: 'warning',
    reference: 'docker.io/a/b:1',
    file: 'P/x.yml',
    line: 7,
  });
  t.regex(finding?.message ?? '', /^2 of 3 layers .* Docker before 23/);
});

test('they are an error, or nothing, where the policy says so', (t) => {
  t.is(judged([mediaTypes.ociLayerZstd], 'error')[0]?.severity, 'error');
  t.deepEqual(judged([mediaTypes.ociLayerZstd], 'ignore'), []);
});

test("Docker's own name of such layers counts too", (t) => {
  t.is(judged(['application/vnd.docker.image.rootfs.diff.tar.zstd'], 'warn').length, 1);
});

test('gzip and uncompressed layers are nothing to tell of', (t) => {
  t.deepEqual(
    judged([mediaTypes.ociLayer, mediaTypes.ociLayerGzip, mediaTypes.dockerLayerGzip], 'error'),
    [],
  );
});
