import path from 'node:path';
import test from 'ava';
import { composeImage, noise } from '../../../bin/demo/sample-images.ts';
import { digestOf } from '../../../src/core/digest.ts';
import { thisProcess } from '../../../src/cli/this-process.ts';
import { PackferryError } from '../../../src/core/errors.ts';
import { silent } from '../../../src/core/events.ts';
import { defaultPlatform } from '../../../src/core/platform.ts';
import { parseReference } from '../../../src/core/reference.ts';
import { bundleNameOf, exportBuilt, manifestOfBuilt } from '../../../src/flows/build/export-built.ts';
import { parseSource } from '../../../src/flows/source-endpoint.ts';
import { lockComposed, tempDir } from '../../helpers/compose.ts';
import { composedSource } from '../../helpers/system-images.ts';

const named = test.macro({
  exec: (t, image: string, name: string) => t.is(bundleNameOf(parseReference(image)), name),
  title: (_, image: string, name: string) => `${image} goes into a bundle of the stream ${name}`,
});
test(named, 'acme/tool:1.0', 'acme-tool');
test(named, 'localhost/acme/tool:2.0', 'acme-tool');
test(named, 'localhost:5000/tool:2.0', 'tool');
test(named, 'tool', 'tool');
test(named, 'registry.example:5000/acme/tool_x:1', 'registry.example-5000-acme-tool_x');
test(named, `acme/${'a'.repeat(70)}/tool:1`, `${'a'.repeat(59)}-tool`);

test('a name that is no name of a bundle is refused', (t) => {
  for (const name of ['', 'SOC', 'a/b', '-a', 'a'.repeat(65), '../x']) {
    const error = t.throws(() => bundleNameOf(parseReference('acme/tool'), name), {
      instanceOf: PackferryError,
    });
    t.is(error.code, 'E_USAGE');
  }
  t.is(bundleNameOf(parseReference('acme/tool'), 'soc-tools'), 'soc-tools');
});

test('an image whose name was given to another one since it was built is not written', async (t) => {
  const image = composeImage({ files: [{ path: 'file', content: noise('file', 100) }] });
  const reference = 'docker.io/acme/tool:1.0';
  const source = {
    ...composedSource([image]),
    resolve: () => Promise.resolve(lockComposed(reference, image)),
  };
  const built = { reference, id: digestOf('another one'), engine: 'docker:', platform: defaultPlatform };
  const manifest = manifestOfBuilt(
    'tool',
    built,
    parseSource('docker:', (text) => text),
  );
  const sign = (): Promise<string> => Promise.reject(new Error('nothing is to be signed'));
  const signer = { fingerprint: 'SHA256:x', keyType: 'ssh-ed25519', publicKey: '', comment: '', sign };
  const dir = path.join(await tempDir(t), 'bundle');
  const writing = exportBuilt(built, manifest, {
    ...{ dir, source, jobs: 1, now: new Date(), emit: silent, signal: new AbortController().signal },
    signers: [signer],
    owner: thisProcess,
    tool: { name: 'packferry', version: '0.0.0' },
  });
  const error = await t.throwsAsync(writing, { instanceOf: PackferryError });
  t.is(error.code, 'E_TAG_MOVED');
  t.true(error.message.includes(reference));
});
