import { readFile, writeFile } from 'node:fs/promises';
import { mock } from 'node:test';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { jsonRenderer } from '../../../src/cli/progress/json-lines.ts';
import { eventLine, type EventLine } from '../../../src/schema/events.ts';
import { MemoryOutput, runCli, type Ran } from '../../helpers/cli-run.ts';
import { withSite } from '../../helpers/cli-site.ts';
import { projectRoot } from '../../helpers/cli.ts';

/** Every line of stderr is one event of the schema, and holds nothing that the schema does not know. */
function linesOf(t: ExecutionContext, { stderr, status }: Ran): EventLine[] {
  const lines = stderr.trimEnd().split('\n');
  const parsed = lines.map((line) => {
    const value: unknown = JSON.parse(line);
    const event = eventLine.parse(value);
    t.deepEqual<unknown, unknown>(event, value, line);
    return event;
  });
  const last = parsed.at(-1);
  t.is(parsed.filter(({ type }) => type === 'ended').length, 1);
  t.like(last, { type: 'ended', status });
  const times = parsed.map(({ time }) => time);
  t.deepEqual(times, [...times].sort());
  return parsed;
}

const json = ['--progress', 'json'];

test('lines of real runs are those of the schema: export, rerun, verify, import', async (t) => {
  await withSite(async ({ exporting, importing, bundle, trusted, at }) => {
    const first = linesOf(t, await runCli([...exporting, ...json]));
    t.is(first.filter(({ type }) => type === 'image-complete').length, 3);
    t.true(
      first.some((line) => line.type === 'done' && line.label?.startsWith('layer of demisto/') === true),
    );
    t.regex(
      first.flatMap((line) => (line.type === 'ended' ? [line.summary ?? ''] : []))[0] ?? '',
      /^Wrote soc/,
    );
    linesOf(t, await runCli([...exporting, ...json]));
    linesOf(t, await runCli(['verify', bundle, '--trusted-keys', trusted, ...json]));
    const to = [...importing, '--to', `oci:${at('target')}`, '--yes', ...json];
    linesOf(t, await runCli(to));
    const again = linesOf(t, await runCli(to));
    t.is(again.filter(({ type }) => type === 'skipped').length, 3);
  });
});

test('failures too: each where it happens, all of them at the end, with what they sum up', async (t) => {
  await withSite(async ({ exporting, bundle, trusted, manifestFor, key, at, host }) => {
    t.is((await runCli(exporting)).status, 0);
    const archive = path.join(bundle, 'images-001.tar');
    const bytes = await readFile(archive);
    bytes.writeUInt8(bytes.readUInt8(4096) ^ 1, 4096);
    await writeFile(archive, bytes);
    const verified = linesOf(t, await runCli(['verify', bundle, '--trusted-keys', trusted, ...json]));
    t.true(verified.some(({ type }) => type === 'failed'));
    const [error] = verified.flatMap((line) => (line.type === 'ended' ? line.errors : []));
    t.is(error?.code, 'E_DIGEST_MISMATCH');

    const broken = await manifestFor(
      'broken.yml',
      host.replace(/:[0-9]+$/, ':1'),
      'images: [demisto/no:1]\n',
    );
    const failed = linesOf(t, await runCli(['export', broken, '-o', at('other'), '--key', key, ...json]));
    t.true(failed.flatMap((line) => (line.type === 'ended' ? line.errors : [])).length > 0);
  });
});

test('stdout keeps its one object, and --quiet its silence', async (t) => {
  await withSite(async ({ exporting }) => {
    const ran = await runCli([...exporting, ...json, '--json']);
    t.like(JSON.parse(ran.stdout), { schemaVersion: 1, status: 'written' });
    linesOf(t, ran);
    t.is((await runCli([...exporting, ...json, '--quiet'])).stderr, '');
  });
});

test('a chunk is no news: each item has two lines of progress a second, and its end at once', (t) => {
  mock.timers.enable({ apis: ['Date'] });
  try {
    const stderr = new MemoryOutput();
    const { emit } = jsonRenderer(stderr);
    for (let chunk = 1; chunk <= 100; chunk += 1) {
      for (const item of ['a', 'b']) emit({ type: 'progress', task: 'pull', item, bytes: chunk * 10 });
      mock.timers.tick(25);
    }
    emit({ type: 'done', task: 'pull', item: 'a', bytes: 1000 });
    const lines = stderr.text
      .trimEnd()
      .split('\n')
      .map((line) => eventLine.parse(JSON.parse(line)));
    t.is(lines.length, 11);
    t.like(lines.at(-1), { type: 'done', item: 'a', time: '1970-01-01T00:00:02.500Z' });
  } finally {
    mock.timers.reset();
  }
});

test('the schema that is shipped knows every type of line', async (t) => {
  const file = path.join(projectRoot, 'manifests/schema/events.schema.json');
  const schema = JSON.parse(await readFile(file, 'utf8')) as {
    oneOf: { properties: { type: { const: string } } }[];
  };
  t.deepEqual(
    schema.oneOf.map(({ properties }) => properties.type.const),
    eventLine.options.map((option) => option.shape.type.value),
  );
});
