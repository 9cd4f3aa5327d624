import test from 'ava';
import { legacyIdsOf } from '../../../src/archive/relay/legacy-ids.ts';

test('folders of layers are called as Docker 20.10 has called them; the topmost is not known', (t) => {
  const bottom = 'sha256:fa3e2bd0d07ca204f401808d32379508a354d1c82a409c0d1f0d153b673fc9c5';
  const middle = 'sha256:d401f816da524b8d195890fbe2a1ed4e8002026bd0ba625cb0bd7437a6e4677e';
  const top = 'sha256:436fd7c8ac7cc56633e3d3039cf7c8d1c42c0c9f43f4c1bcc3df4b123a50bded';
  t.deepEqual(
    [...legacyIdsOf([bottom, middle, top])],
    [
      ['a93d977aa91b7c155f5c7a1fc5415ec12cd9e9cd71c86af79924686098d196f2', bottom],
      ['0ed0b7ee666752b99eb99b348666333a49e32bbe61adbbda305bbe318b7d3d7a', middle],
    ],
  );
  t.is(legacyIdsOf([]).size, 0);
});
