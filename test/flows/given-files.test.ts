import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { kindOfFile, type GivenFile } from '../../src/flows/given-files.ts';
import { runCli } from '../helpers/cli-run.ts';
import { folderWith, integration, script } from '../helpers/pack-folder.ts';

const isKind = test.macro({
  async exec(t, name: string, text: string | Buffer, kind: GivenFile) {
    const folder = await folderWith(t, { [name]: text });
    t.is(await kindOfFile(path.join(folder, name)), kind);
  },
  title: (what) => `a given file: ${what ?? ''}`,
});

const manifest = 'schema: packferry.export/v1\nname: a\nimages: [b]\n';
test('a manifest', isKind, 'm.yml', manifest, 'manifest');
test('a manifest with a byte order mark', isKind, 'm.yml', `\uFEFF${manifest}`, 'manifest');
test('a manifest with Windows line ends', isKind, 'm.yml', manifest.replaceAll('\n', '\r\n'), 'manifest');
test('a manifest in JSON', isKind, 'm.json', '{"schema":"packferry.export/v1","name":"a"}', 'manifest');
test('a manifest that forgot its schema', isKind, 'm.yml', 'name: a\npacks: [{path: b}]\n', 'manifest');
test(
  'a manifest in JSON that forgot its schema',
  isKind,
  'm.json',
  '{\n  "name": "a",\n  "packs": []\n}',
  'manifest',
);
test('a manifest with a wrong schema', isKind, 'm.yml', 'schema: something\n', 'manifest');
test('an integration', isKind, 'i.yml', integration('X', 'type: python'), 'content');
test('a script', isKind, 's.yaml', script('X', 'type: python'), 'content');
test(
  'a script that writes manifests',
  isKind,
  's.yml',
  `script: |\n  ${manifest.replaceAll('\n', '\n  ')}\n`,
  'content',
);
test(
  'a playbook',
  isKind,
  'p.yml',
  'id: p\nversion: -1\nname: P\ntasks:\n  "0":\n    images: no\n',
  'neither',
);
test('a layout in JSON', isKind, 'l.json', '{"id": "l", "layout": {}}', 'neither');
test('an empty file', isKind, 'e.yml', '', 'neither');
test('bytes that are no text', isKind, 'b.yml', Buffer.from([0xff, 0xfe, 0, 1, 2]), 'content');
test('the file that servers are set up with', isKind, 'x.json', '{"marketplace_packs": []}', 'xsoar-config');
test(
  'the same in one with lists only',
  isKind,
  'x.json',
  '{\n "lists": [],\n "custom_packs" : []}',
  'xsoar-config',
);
test('an archive', isKind, 'a.zip', 'schema: packferry.export/v1', 'content');

test('a given file: a folder is content, whatever its name; what is not there is missing', async (t) => {
  const folder = await folderWith(t, { 'Pack.yml/Scripts/s.yml': script('X', 'type: python') });
  t.is(await kindOfFile(path.join(folder, 'Pack.yml')), 'content');
  t.is(await kindOfFile(path.join(folder, 'other.yml')), 'missing');
});

test('a playbook given as a pack is refused in one line, not by the rules of manifests', async (t) => {
  const folder = await folderWith(t, {
    'p.yml': 'id: p\nname: P\ntasks: {}\n',
    'P/Scripts/s.yml': script('X'),
  });
  const alone = await runCli(['usage', 'a', path.join(folder, 'p.yml')]);
  t.is(alone.status, 2);
  t.true(alone.stderr.startsWith('error[E_MANIFEST_INVALID]: '), alone.stderr);
  t.true(alone.stderr.includes('p.yml: no export manifest, and neither an integration nor a script\nhint: '));
  const beside = await runCli(['usage', 'a', path.join(folder, 'P'), path.join(folder, 'p.yml')]);
  t.is(beside.status, 2);
  t.true(beside.stderr.includes('p.yml: neither an integration nor a script'), beside.stderr);
});

test('a file that is missing beside packs is told as missing, not as a manifest', async (t) => {
  const folder = await folderWith(t, { 'P/Scripts/s.yml': script('X') });
  const { status, stderr } = await runCli(['usage', 'a', path.join(folder, 'P'), path.join(folder, 's.yml')]);
  t.is(status, 2);
  t.true(stderr.includes('error[E_PACK_NOT_FOUND]: '), stderr);
});

test('an xsoar_config.json is taken as it is, beside packs as well', async (t) => {
  const folder = await folderWith(t, {
    'P/Scripts/s.yml': script('X', 'dockerimage: demisto/a:1'),
    'Q/Scripts/s.yml': script('Y', 'dockerimage: demisto/b:1'),
  });
  const at = (name: string): string => path.join(folder, name);
  await writeFile(at('x.json'), JSON.stringify({ custom_packs: [{ id: 'P', url: 'P' }] }));
  const alone = await runCli(['usage', 'demisto/a', at('x.json')]);
  t.is(alone.status, 0, alone.stderr);
  t.true(alone.stdout.includes('P/Scripts/s.yml:'), alone.stdout);
  const both = await runCli(['usage', 'demisto/b', at('x.json'), at('Q')]);
  t.true(both.stdout.includes('Q/Scripts/s.yml:'), both.stdout + both.stderr);
});
