import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { silent } from '../../../src/core/events.ts';
import { inventoryText } from '../../../src/cli/text/inventory.ts';
import { endpointsOf } from '../../../src/flows/hosts/endpoints.ts';
import { parseHosts } from '../../../src/flows/hosts/read-hosts.ts';
import { inventoryReport, type InventoryReport } from '../../../src/schema/reports-hosts.ts';
import { withFolder } from '../../helpers/bundle-fixture.ts';
import { runCli } from '../../helpers/cli-run.ts';

/** Nobody listens there: port 9 of this machine. */
const inventory =
  '[apps]\na ansible_host=127.0.0.1 ansible_port=9 ansible_user=me\n[engines]\ne[1:3] ansible_password=hunter22\n';

async function withInventory(use: (file: string, folder: string) => Promise<void>): Promise<void> {
  await withFolder(async (folder) => {
    const file = path.join(folder, 'hosts.ini');
    await writeFile(file, inventory);
    await use(file, folder);
  });
}

const refused = test.macro<[readonly string[], ...string[]]>({
  async exec(t, argv, ...wanted) {
    await withInventory(async (file) => {
      const ran = await runCli(argv.map((text) => (text === 'FILE' ? file : text)));
      t.is(ran.status, 2, ran.stderr);
      for (const text of wanted) t.true(ran.stderr.includes(text), ran.stderr);
      t.false(ran.stderr.includes('hunter22'));
    });
  },
  title: (_, argv) => `refused before anything is touched: ${argv.join(' ')}`,
});
test(refused, ['inventory', '--group', 'apps'], 'none is given', '--hosts FILE');
test(refused, ['inventory', '--hosts', 'FILE', '--group', 'app'], 'Did you mean apps?');
test(refused, ['inventory', '--hosts', '/nowhere/hosts'], 'E_HOSTS_UNREADABLE');
test(refused, ['inventory', '--hosts', 'FILE', '--images', 'a**b'], '--images "a**b"');
test(refused, ['inventory', '--from', 'registry://x'], 'is no engine');
test(refused, ['inventory', '--hosts', 'FILE', '--against', '/nowhere'], 'no such bundle or lock file');
test(refused, ['sync', '--hosts', 'FILE'], 'which images are meant is not said');
test(refused, ['sync', '--images', 'acme/*'], 'no host is named');
test(refused, ['sync', '--images', 'acme/*', '--host', 'docker:'], 'one host alone');
test(
  refused,
  ['sync', '--images', 'acme/*', '--hosts', 'FILE', '--on-existing', 'overwrite'],
  '--on-existing overwrite needs --from',
);
test(refused, ['copy', 'acme/x:1', '--hosts', 'FILE', '--limit', 'f*'], '--limit "f*"');

test('no host answers: the status is that of the fault, and no inventory replaces a better one', async (t) => {
  await withInventory(async (file, folder) => {
    const output = path.join(folder, 'inventory.json');
    await writeFile(output, 'better');
    const options = ['--limit', 'apps', '--ssh-config', 'none', '-o', output, '--json'];
    const ran = await runCli(['inventory', '--hosts', file, ...options], { home: folder });
    t.is(ran.status, 5, ran.stderr);
    t.true(ran.stderr.includes('E_SOURCE_UNREACHABLE'), ran.stderr);
    const report = inventoryReport.parse(JSON.parse(ran.stdout));
    t.like(report.hosts, { 0: { name: 'a', endpoint: 'ssh://me@127.0.0.1:9' } });
    t.is(await readFile(output, 'utf8'), 'better');
  });
});

test('a host of the file is a target like one that is written out', async (t) => {
  await withInventory(async (file, folder) => {
    const argv = ['copy', 'acme/x:1', '--from', 'docker-archive:/nowhere', '--hosts', file, '--limit', 'a'];
    const ran = await runCli([...argv, '--ssh-config', 'none'], { home: folder });
    t.is(ran.status, 6, ran.stderr);
    t.true(ran.stderr.includes('ssh://me@127.0.0.1:9'), ran.stderr);
    t.is(endpointsOf(parseHosts(inventory, 'hosts', silent), 'hosts').length, 4);
  });
});

/** A report of so many hosts, of which the first three have one image, the last another. */
function reportOf(number: number): InventoryReport {
  const hosts = Array.from({ length: number }, (_, at) => ({ name: `h${at}`, endpoint: `ssh://h${at}` }));
  const names = hosts.map(({ name }) => name);
  const held = (id: string, have: readonly string[]) => {
    return { id: `sha256:${id.repeat(64)}`, hosts: [...have], bytes: 1, layers: [] };
  };
  const image = {
    reference: 'docker.io/acme/x:1',
    state: 'differs' as const,
    held: [held('a', names.slice(0, 3)), held('b', names.slice(-1))],
    missing: names.slice(3, -1),
  };
  return { schemaVersion: 1, takenAt: '2026-11-25T00:00:00Z', hosts, images: [image] };
}

test('few hosts are columns', (t) => {
  t.deepEqual(
    inventoryText(reportOf(5))
      .split('\n')
      .map((line) => line.split(/ {2,}/)),
    [
      ['IMAGE', 'h0', 'h1', 'h2', 'h3', 'h4'],
      ['docker.io/acme/x:1', 'aaaaaaaaaaaa', 'aaaaaaaaaaaa', 'aaaaaaaaaaaa', '-', 'bbbbbbbbbbbb'],
    ],
  );
});

test('many hosts are counted, and named where something is odd', (t) => {
  const [, row = ''] = inventoryText(reportOf(12)).split('\n');
  t.deepEqual(row.split(/ {2,}/), [
    'docker.io/acme/x:1',
    '3/12',
    'h3, h4, h5 and 5 more',
    'bbbbbbbbbbbb on h11',
  ]);
});
