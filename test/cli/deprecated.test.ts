import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { serveContent } from '../../src/registry/server.ts';
import { bundleSchema } from '../../src/schema/bundle.ts';
import { lockSchema } from '../../src/schema/lock.ts';
import { planReport } from '../../src/schema/reports-plan.ts';
import { runCli, type Ran } from '../helpers/cli-run.ts';
import { writeKey } from '../helpers/cli-site.ts';
import { folderWith } from '../helpers/pack-folder.ts';
import { MemoryContent, sampleImage } from '../helpers/registry-images.ts';
import { writePack } from '../helpers/write-pack.ts';

const env = ['PATH=/bin', 'DEPRECATED_IMAGE=true', 'DEPRECATED_REASON=Use demisto/py3-tools instead.'];

/** A pack with an image that says of itself that it is deprecated, and one that does not. */
async function withDeprecated(t: ExecutionContext, policy = ''): Promise<{ at: (name: string) => string }> {
  const old = sampleImage({ seed: 'old', editConfig: (config) => (config['config'] = { Env: env }) });
  const content = new MemoryContent()
    .image('demisto/old', '1.0', old)
    .image('demisto/python3', '3.12', sampleImage({ seed: 'p' }));
  const server = await serveContent(content, { host: '127.0.0.1', port: 0 });
  t.teardown(async () => server.close());
  const folder = await folderWith(t, {
    'soc.yml': [
      ...['schema: packferry.export/v1', 'name: soc', 'packs: [{path: Packs}]'],
      `registries: {docker.io: {mirrors: ["${server.host}"]}}`,
      ...[policy, ''],
    ].join('\n'),
  });
  const at = (name: string): string => path.join(folder, name);
  await writePack(at('Packs/P'), ['demisto/old:1.0', 'demisto/python3:3.12']);
  await writeKey(at('key'), at('allowed_signers'));
  return { at };
}

const text =
  'docker.io/demisto/old:1.0: deprecated, as the image itself says: Use demisto/py3-tools instead. (DO105)';

test('an image that says of itself that it is deprecated is warned of without any list', async (t) => {
  const { at } = await withDeprecated(t);
  const planned = await runCli(['plan', at('soc.yml'), '--json']);
  t.is(planned.status, 0, planned.stderr);
  t.true(planned.stderr.includes(`P/Integrations/Item0/Item0.yml:9: ${text}`), planned.stderr);
  const { images } = planReport.parse(JSON.parse(planned.stdout));
  t.deepEqual(
    images.map(({ findings }) => findings.map(({ rule, severity }) => `${rule} ${severity}`)),
    [['deprecated warning'], []],
  );
  const made = await runCli(['export', at('soc.yml'), '-o', at('bundle'), '--key', at('key')]);
  t.is(made.status, 0, made.stderr);
  const { findings } = bundleSchema.parse(JSON.parse(await readFile(at('bundle/bundle.json'), 'utf8')));
  t.deepEqual(
    findings.map(({ rule, sdkRule }) => [rule, sdkRule]),
    [['deprecated', 'DO105']],
  );
});

for (const [command, ...more] of [
  ['plan'],
  ['lock'],
  ['export', '-o', 'bundle', '--dry-run'],
  ['export', '-o', 'bundle', '--key', 'key'],
]) {
  test(`${[command, ...more].join(' ')} fails where the policy forbids images that are deprecated`, async (t) => {
    const { at } = await withDeprecated(t, 'policy: {deprecated: error}');
    const places = more.map((one) => (['bundle', 'key'].includes(one) ? at(one) : one));
    const { status, stderr } = await runCli([command ?? '', at('soc.yml'), ...places]);
    t.is(status, 4, stderr);
    t.true(stderr.includes(`error[E_POLICY]: P/Integrations/Item0/Item0.yml:9: ${text}`), stderr);
    await t.throwsAsync(readFile(at('bundle/bundle.json')), { code: 'ENOENT' });
    await t.throwsAsync(readFile(at('packferry.lock.json')), { code: 'ENOENT' });
  });
}

test('what an image says of its deprecation is in the lock, so a frozen lock tells it too', async (t) => {
  const { at } = await withDeprecated(t);
  t.is((await runCli(['lock', at('soc.yml')])).status, 0);
  const lock = lockSchema.parse(JSON.parse(await readFile(at('packferry.lock.json'), 'utf8')));
  t.deepEqual(
    lock.images.map(({ deprecated }) => deprecated),
    ['Use demisto/py3-tools instead.', undefined],
  );
  const frozen = await runCli(['export', at('soc.yml'), '-o', at('bundle'), '--frozen-lock', '--dry-run']);
  t.is(frozen.status, 0, frozen.stderr);
  t.true(frozen.stderr.includes(text), frozen.stderr);
});

test('deprecated by the list and by the image itself is one finding', async (t) => {
  const { at } = await withDeprecated(t, 'policy: {deprecatedImages: list.json}');
  const list = [{ created_time_utc: '2022-05-31T17:51:17Z', image_name: 'demisto/old', reason: 'Old.' }];
  await writeFile(at('list.json'), JSON.stringify(list));
  const { status, stderr }: Ran = await runCli(['plan', at('soc.yml')]);
  t.is(status, 0, stderr);
  t.is(stderr.split('deprecated').length - 1, 1, stderr);
  t.true(stderr.includes('deprecated since 2022-05-31: Old.'), stderr);
});

test('deprecated images that the policy ignores are not told', async (t) => {
  const { at } = await withDeprecated(t, 'policy: {deprecated: ignore}');
  const { status, stderr } = await runCli(['plan', at('soc.yml')]);
  t.is(status, 0, stderr);
  t.false(stderr.includes('deprecated'), stderr);
});
