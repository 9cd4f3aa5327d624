import { readFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { generatedFiles } from '../bin/generated.ts';
import { processContext } from '../src/cli/context.ts';
import { projectRoot } from './helpers/cli.ts';

test('generated files are fresh (npm run generate)', async (t) => {
  for (const [file, text] of generatedFiles(processContext(new AbortController().signal))) {
    t.is(await readFile(path.join(projectRoot, file), 'utf8'), text, file);
  }
});

test('the version of the package has a heading in the change log', async (t) => {
  const { version } = JSON.parse(await readFile(path.join(projectRoot, 'package.json'), 'utf8')) as {
    version: string;
  };
  const log = await readFile(path.join(projectRoot, 'CHANGELOG.md'), 'utf8');
  t.regex(log, new RegExp(`^## \\[?${version.replaceAll('.', '\\.')}\\]?`, 'm'));
});

test('the samples of the export manifest name the schema that is there', async (t) => {
  const schema = JSON.parse(
    await readFile(path.join(projectRoot, 'manifests/schema/export.schema.json'), 'utf8'),
  ) as { properties: Record<string, unknown>; additionalProperties: boolean };
  t.false(schema.additionalProperties);
  t.true('packs' in schema.properties);
});
