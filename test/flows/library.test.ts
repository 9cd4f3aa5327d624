import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import {
  exportBundle,
  thisProcess,
  generateSigningKey,
  importBundle,
  inspectBundle,
  openBundle,
  openOciLayout,
  openOciTarget,
  openSigner,
  PackferryError,
  planExport,
  readAllowedSigners,
  readKeyFile,
  select,
  silent,
} from '../../src/index.ts';
import { sampleImagesFor, writeOciLayout } from '../../bin/demo/sample-images.ts';
import { withFolder } from '../helpers/bundle-fixture.ts';
import { writePack } from '../helpers/write-pack.ts';

test('a program that uses the library plans, exports, opens and imports with what index.ts names', async (t) => {
  await withFolder(async (folder) => {
    const at = (name: string): string => path.join(folder, name);
    const references = ['demisto/python3:3.12.13.1', 'demisto/crypto:1.0.0.1'];
    await writeOciLayout(at('layout'), sampleImagesFor(references));
    const source = await openOciLayout(at('layout'));
    const pack = await writePack(at('Sample'), references);
    const run = { emit: silent, signal: new AbortController().signal };

    const selection = await select([pack], { home: folder, cacheDir: path.join(folder, 'cache'), ...run });
    const { report, resolved } = await planExport({ selection, source, perImage: false, jobs: 2, ...run });
    t.is(report.totals.images, 2);

    const { allowedSigners } = await generateSigningKey({
      file: at('key'),
      type: 'ed25519',
      principal: 'program',
      passphrase: undefined,
    });
    await writeFile(at('allowed'), allowedSigners);
    const written = await exportBundle({
      dir: at('bundle'),
      selection,
      resolved,
      source,
      signers: [await openSigner(await readKeyFile(at('key')))],
      owner: thisProcess,
      perImage: false,
      keepGoing: false,
      jobs: 2,
      now: new Date(),
      tool: { name: 'program', version: '1' },
      ...run,
    });
    t.is(written.status, 'written');
    t.is((await inspectBundle(at('bundle'), { now: new Date(), emit: silent })).totals.images, 2);

    const allowed = await readAllowedSigners(at('allowed'));
    const bundle = await openBundle(at('bundle'), { allowed, now: new Date(), ...run });
    const target = await openOciTarget(at('target'));
    const imported = await importBundle({
      bundle,
      targets: [target],
      only: [],
      dryRun: false,
      keepGoing: false,
      jobs: 1,
      approve: () => Promise.resolve(true),
      ...run,
    });
    await target.close();
    await source.close();
    t.deepEqual(
      imported.report.targets[0]?.images.map(({ status }) => status),
      ['loaded', 'loaded'],
    );
    await t.throwsAsync(readKeyFile(at('none')), { instanceOf: PackferryError });
  });
});
