import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import process from 'node:process';
import test, { type ExecutionContext } from 'ava';
import * as z from 'zod';
import { sampleImagesFor } from '../../bin/demo/sample-images.ts';
import { formatReference, parseReference } from '../../src/core/reference.ts';
import { planReport } from '../../src/schema/reports-plan.ts';
import { withFolder } from '../helpers/bundle-fixture.ts';
import { packferry, projectRoot } from '../helpers/cli.ts';
import { pushImage } from '../helpers/push-image.ts';
import { withDockerRegistry } from '../helpers/system-registry.ts';
import { needing } from '../helpers/system-tools.ts';

const corpus = path.join(projectRoot, '..', 'shared', 'corpus');

const groundTruth = z.record(
  z.string(),
  z.object({ dockerimage: z.string().nullable(), type: z.string().nullable() }),
);

/** Folders and files of the corpus that hold items as plain files. */
const places = [
  'content-2020-05-03/Packs',
  'modern/Packs',
  'panos-upgrade-2025/Packs',
  'sdk-fixtures/custom_content',
  'sdk-fixtures/integration-Zoom-js.yml',
  'sdk-fixtures/ps_integration.yml',
];

/** The references that the items themselves name, in full; undefined where there is no corpus. */
async function expectedReferences(): Promise<Set<string> | undefined> {
  const text = await readFile(path.join(corpus, 'expected.json'), 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  const entries = Object.entries(groundTruth.parse(JSON.parse(text)));
  const named = entries.flatMap(([key, { dockerimage }]) =>
    key.includes('!') || dockerimage === null ? [] : [formatReference(parseReference(dockerimage))],
  );
  return new Set(named);
}

async function carry(t: ExecutionContext, expected: ReadonlySet<string>): Promise<void> {
  await withFolder(async (folder) => {
    await withDockerRegistry(async ({ host }) => {
      // The default images of items that name none are wanted too.
      const all = [...expected, 'docker.io/demisto/python:1.3-alpine'];
      for (const { reference, image } of sampleImagesFor(all)) {
        const { repository, tag = 'latest' } = parseReference(reference);
        await pushImage(host, repository, tag, image);
      }
      const manifest = path.join(folder, 'corpus.yml');
      await writeFile(
        manifest,
        [
          'schema: packferry.export/v1',
          'name: corpus',
          'packs:',
          ...places.map((place) => `  - path: ${path.join(corpus, place)}`),
          'registries:',
          `  docker.io: { mirrors: ["${host}"] }`,
          `  ghcr.io: { mirrors: ["${host}"] }`,
          '',
        ].join('\n'),
      );
      const planned = await packferry(['plan', manifest, '--json']);
      t.is(planned.status, 0, planned.stderr);
      const found = planReport.parse(JSON.parse(planned.stdout)).images.map(({ reference }) => reference);
      for (const reference of expected) t.true(found.includes(reference), reference);
      t.deepEqual([...found].sort(), [...all].sort());

      const key = path.join(folder, 'key');
      const made = await packferry(['keygen', '-o', key, '--principal', 'builder', '--no-passphrase']);
      const trusted = path.join(folder, 'allowed_signers');
      await writeFile(trusted, made.stdout);
      const bundle = path.join(folder, 'bundle');
      const exported = await packferry(['export', manifest, '-o', bundle, '--key', key]);
      t.is(exported.status, 0, exported.stderr);
      const verified = await packferry(['verify', bundle, '--trusted-keys', trusted, '--json']);
      t.is(verified.status, 0, verified.stderr);
      t.is((JSON.parse(verified.stdout) as { images: number }).images, all.length);
    });
  });
}

test.serial(
  'real packs are planned and exported from a registry that has the images under their names',
  needing(['docker-registry'], async (t) => {
    t.timeout(280_000);
    const expected = await expectedReferences();
    if (expected === undefined) {
      const line = `left out: ${t.title} (no corpus at ${path.relative(projectRoot, corpus)})`;
      t.log(line);
      process.stderr.write(`${line}\n`);
      t.pass();
      return;
    }
    await carry(t, expected);
  }),
);
