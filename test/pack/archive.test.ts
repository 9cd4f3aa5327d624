import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import test, { type ExecutionContext } from 'ava';
import type { Event } from '../../src/core/events.ts';
import { limits } from '../../src/core/limits.ts';
import { scanPacks, type PackScan } from '../../src/pack/scan.ts';
import { errorOf, folderWith, integration, script } from '../helpers/pack-folder.ts';
import { tarOf } from '../helpers/tar-file.ts';
import { zipOf, zipOfFiles, type ZipMember } from '../helpers/zip-file.ts';

const usual = { defaultImages: false, testPlaybooks: false };
const one = script('One', 'dockerimage: a/one:1');
const two = integration('Two', 'dockerimage: a/two:2');

interface Scanned extends PackScan {
  readonly root: string;
  readonly warnings: readonly string[];
}

async function scanned(t: ExecutionContext, name: string, archive: Uint8Array): Promise<Scanned> {
  const root = await folderWith(t, { [name]: archive });
  const events: Event[] = [];
  const emit = (event: Event): void => void events.push(event);
  const scan = await scanPacks([path.join(root, name)], { ...usual, emit });
  const warnings = events.flatMap((event) => (event.type === 'note' ? [event.message] : []));
  return { ...scan, root, warnings };
}

function images({ uses }: PackScan): string[] {
  return uses.map(({ pack, file, reference }) => `${pack} ${file} ${reference.written}`);
}

const finds = test.macro(async (t, name: string, archive: Uint8Array, expected: readonly string[]) => {
  const scan = await scanned(t, name, archive);
  t.deepEqual(images(scan), expected);
  t.deepEqual(scan.warnings, []);
});

const built = {
  'metadata.json': '{"id": "BuiltPack", "name": "Built", "currentVersion": "1.0.0", "contentItems": null}',
  'pack_metadata.json': '{"name": "Built", "currentVersion": "1.0.1"}',
  'README.md': 'dockerimage: a/wrong:1',
  'Scripts/script-One.yml': one,
  'Playbooks/playbook-P.yml': 'id: P\nname: P\ntasks: {}\n',
  'TestPlaybooks/script-T.yml': script('T', 'dockerimage: a/test:1'),
};
const ofBuilt = ['BuiltPack BuiltPack/Scripts/script-One.yml a/one:1'];
const contribution = {
  'metadata.json': '{"id": "6a49-uuid", "name": "Mine", "tags": null, "contentItems": {"integration": null}}',
  'integration/integration-Two.yml': two,
  'automation/automation-One.yml': one,
};
const ofContribution = [
  'mine mine/automation/automation-One.yml a/one:1',
  'mine mine/integration/integration-Two.yml a/two:2',
];
const repository = {
  'content-master/Packs/P/Integrations/Two/Two.yml': two,
  'content-master/Tools/Scripts/script-Tool.yml': one,
  'content-master/Tests/files.zip': 'PK',
};
const ofRepository = ['P P/Integrations/Two/Two.yml a/two:2'];
const bundle = [
  { name: '/automation-One.yml', content: one },
  { name: '/playbook-P.yml', content: 'id: P\nname: P\ntasks: {}\n' },
  { name: '/integration-Two.yml', content: two },
];
const ofBundle = ['custom custom/automation-One.yml a/one:1', 'custom custom/integration-Two.yml a/two:2'];

function tarOfFiles(files: Readonly<Record<string, string>>): Buffer {
  return tarOf(Object.entries(files).map(([name, content]) => ({ name: `./${name}`, content })));
}

function inFolder(folder: string, files: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(files).map(([name, content]) => [`${folder}/${name}`, content]));
}

test('a built pack', finds, 'x.zip', zipOfFiles(built), ofBuilt);
test('a name that tells nothing', finds, 'download', zipOfFiles(built), ofBuilt);
test('pack folders in a zip', finds, 'content_packs.zip', zipOfFiles(inFolder('Q', built)), ofBuilt);
test('packs in a zip', finds, 'uploadable_packs.zip', zipOfFiles({ 'B.zip': zipOfFiles(built) }), ofBuilt);
test('packs in a tar', finds, 'p.tar', tarOf([{ name: 'B.zip', content: zipOfFiles(built) }]), ofBuilt);
test(
  'three archives in each other',
  finds,
  'x.zip',
  zipOfFiles({ 'y.zip': zipOfFiles({ 'z.tgz': gzipSync(tarOfFiles(built)) }) }),
  ofBuilt,
);
test('a contribution', finds, 'mine.zip', zipOfFiles(contribution), ofContribution);
test('a bundle of the server', finds, 'custom.tar', tarOf(bundle), ofBundle);
test('a compressed bundle of the server', finds, 'custom.tar.gz', gzipSync(tarOf(bundle)), ofBundle);
test('a bundle under a bare name', finds, 'custom', gzipSync(tarOf(bundle)), ofBundle);
test('a repository in a zip', finds, 'r.zip', zipOfFiles(repository), ofRepository);
test('a repository in a tar', finds, 'r.tgz', gzipSync(tarOfFiles(repository)), ofRepository);
test(
  'members that are stored, or have their sizes behind them',
  finds,
  'custom.zip',
  zipOf([
    { name: 'automation-One.yml', content: one, method: 0 },
    { name: 'integration-Two.yml', content: two, flags: 8 },
  ]),
  ofBundle,
);
test(
  'names in extended headers',
  finds,
  'custom.tar',
  tarOf([{ name: `${'x'.repeat(200)}/automation-One.yml`, content: one, isPax: true }]),
  [`custom custom/${'x'.repeat(200)}/automation-One.yml a/one:1`],
);
test('backslashes in names', finds, 'm.zip', zipOfFiles({ 'P\\Scripts\\One.yml': one }), [
  'P P/Scripts/One.yml a/one:1',
]);
test(
  'what a Mac adds',
  finds,
  'mine.zip',
  zipOfFiles({ '__MACOSX/automation/._automation-One.yml': '\0', ...contribution }),
  ofContribution,
);

test('a pack in an archive tells where it is and what it is', async (t) => {
  const { packs, root, uses } = await scanned(t, 'all.zip', zipOfFiles({ 'in/B.zip': zipOfFiles(built) }));
  const place = path.join(root, 'all.zip!in/B.zip');
  t.deepEqual(packs, [{ id: 'BuiltPack', path: place, name: 'Built', version: '1.0.1' }]);
  t.like(uses[0], { line: 6, column: 14 });
});

test('archives beside packs are scanned as well', async (t) => {
  const root = await folderWith(t, { 'P/Scripts/One.yml': one, 'more/Q.zip': zipOfFiles(built) });
  t.deepEqual(images(await scanPacks([root], usual)), [...ofBuilt, 'P P/Scripts/One.yml a/one:1']);
});

test('an archive that is named twice counts once', async (t) => {
  const root = await folderWith(t, { 'Q.zip': zipOfFiles(built) });
  const scan = await scanPacks([root, path.join(root, 'Q.zip')], usual);
  t.deepEqual([images(scan), scan.packs.length], [ofBuilt, 1]);
});

const skips = test.macro(async (t, archive: Uint8Array, names: readonly string[]) => {
  const scan = await scanned(t, 'custom.x', archive);
  t.deepEqual(images(scan).length, 1);
  const place = path.join(scan.root, 'custom.x!');
  t.deepEqual(
    scan.warnings.map((message) => message.split(': skipped')[0]),
    names.map((name) => `${place}${name}`),
  );
});
const kept = { name: 'automation-One.yml', content: one };

test('a member that leads out of a zip', skips, zipOf([{ name: '../../Two.yml', content: two }, kept]), [
  '../../Two.yml',
]);
test('a member that leads out of a tar', skips, tarOf([{ name: 'a/../../Two.yml', content: two }, kept]), [
  'a/../../Two.yml',
]);
test('a member on a drive', skips, zipOf([{ name: 'C:\\Two.yml', content: two }, kept]), ['C:/Two.yml']);
test('a link in a zip', skips, zipOf([{ name: 'Two.yml', content: '/etc/passwd', mode: 0o120777 }, kept]), [
  'Two.yml',
]);
test(
  'links and devices in a tar',
  skips,
  tarOf([
    { name: 'a.yml', type: 'SymbolicLink', target: '/etc/passwd' },
    { name: 'b.yml', type: 'Link', target: 'automation-One.yml' },
    { name: 'c.yml', type: 'CharacterDevice' },
    kept,
  ]),
  ['a.yml', 'b.yml', 'c.yml'],
);

const refuses = test.macro(async (t, archive: Uint8Array, where: string, words: RegExp) => {
  const root = await folderWith(t, { 'x.zip': archive, 'P/Scripts/One.yml': one });
  const error = await errorOf(t, 'E_PACK_INVALID', () => scanPacks([root], usual));
  t.true(error.message.startsWith(path.join(root, `x.zip${where}: `)), error.message);
  t.regex(error.message, words);
  t.truthy(error.hint);
});
const item = (more: Partial<ZipMember>): Buffer => zipOf([{ name: 'One.yml', content: one, ...more }]);
const whole = zipOf([{ name: 'a.txt', content: 'x'.repeat(1000), method: 0 }, kept]);
const manyZeros = Buffer.alloc(300 * 1024 * 1024);

test('an encrypted member', refuses, item({ flags: 1 }), '!One.yml', /encrypted/);
test('a method that nobody has', refuses, item({ method: 97 }), '!One.yml', /number 97/);
test('a wrong checksum', refuses, item({ crc: 1 }), '!One.yml', /CRC-32/);
test('damaged content', refuses, item({ content: 'x', method: 8, size: 5 }), '!One.yml', /5 bytes/);
test('a zip that is cut off', refuses, whole.subarray(0, -30), '', /cannot be read/);
test('a zip without its start', refuses, whole.subarray(600), '', /no zip or tar/);
test('a directory that tells of too few', refuses, zipOf([{ name: 'a' }, kept], 1), '', /more members/);
test('two members of one name', refuses, zipOf([kept, kept]), '!automation-One.yml', /two members/);
test(
  'two names of one file',
  refuses,
  tarOf([{ ...kept, name: '/automation-One.yml' }, kept]),
  '!/automation-One.yml',
  /two members/,
);
test('two archives of one name', refuses, zipOf([{ name: 'B.zip' }, { name: './B.zip' }]), '!B.zip', /two/);
test('something else', refuses, Buffer.from('no archive at all'), '', /no zip or tar/);
test('a file that is compressed twice', refuses, gzipSync(gzipSync(tarOf([kept]))), '', /no tar/);
test('a compressed file', refuses, gzipSync(one), '', /no tar/);
test('a tar that is cut off in a member', refuses, tarOf([kept]).subarray(0, 600), '', /Truncated/);
test('a tar that is cut off behind a member', refuses, tarOf([kept]).subarray(0, -1024), '', /end mark/);
test(
  'a compressed tar that is cut off',
  refuses,
  gzipSync(tarOf([kept])).subarray(0, -9),
  '',
  /unexpected end/,
);
test('a member of four gigabytes', refuses, item({ size: 4e9 }), '!One.yml', /over the limit/);
test(
  'a member that tells less than it has',
  refuses,
  item({ content: manyZeros, size: 5 }),
  '!One.yml',
  /damaged/,
);
test(
  'a large member of a tar',
  refuses,
  tarOf([{ name: 'One.yml', content: manyZeros.subarray(0, limits.itemYaml + 1) }]),
  '!One.yml',
  /over the limit/,
);
test(
  'a tar of zeros',
  refuses,
  gzipSync(tarOf([{ name: 'a.txt', content: manyZeros }])),
  '',
  /more than 6.* of content/,
);
test(
  'four archives in each other',
  refuses,
  zipOfFiles({ 'b.zip': zipOfFiles({ 'c.zip': zipOfFiles({ 'd.zip': zipOfFiles(built) }) }) }),
  '!b.zip!c.zip!d.zip',
  /3 archives/,
);
test('a broken archive in another', refuses, zipOfFiles({ 'b.zip': 'PK' }), '!b.zip', /no zip or tar/);
test(
  'a mistake in an item tells line and column',
  refuses,
  zipOfFiles({ 'P/Scripts/One.yml': script('One', 'dockerimage: A/B') }),
  '!P/Scripts/One.yml:6:14',
  /./,
);

test(
  'what is wrong with members that nobody needs does not matter',
  finds,
  'custom.zip',
  zipOf([{ name: 'a.py', flags: 1 }, { name: 'a.py', crc: 7 }, { name: 'huge.txt', size: 4e9 }, kept]),
  [ofBundle[0] ?? ''],
);

test('fifty thousand members', async (t) => {
  const many = Array.from({ length: 50_000 }, (_, at) => ({ name: `a/${at}.txt`, method: 0 }));
  t.deepEqual(images(await scanned(t, 'custom.zip', zipOf([...many, kept]))), ofBundle.slice(0, 1));
});

test('an abort ends reading an archive', async (t) => {
  const root = await folderWith(t, {});
  await writeFile(path.join(root, 'x.zip'), whole);
  const reason = new Error('stop');
  const stop = new AbortController();
  const emit = (event: Event): void => {
    if (event.type === 'started') stop.abort(reason);
  };
  const work = scanPacks([path.join(root, 'x.zip')], { ...usual, emit, signal: stop.signal });
  await t.throwsAsync(work, { is: reason });
});

test('which zips are packs that can be uploaded as they are', async (t) => {
  const zipsOf = async (name: string, archive: Uint8Array): Promise<(string | undefined)[]> => {
    const { packs, root } = await scanned(t, name, archive);
    return packs.map(({ zip }) => zip && path.relative(root, zip));
  };
  t.deepEqual(await zipsOf('BuiltPack.zip', zipOfFiles(built)), ['BuiltPack.zip']);
  const fields = { 'metadata.json': built['metadata.json'], 'IncidentFields/f.json': '{}' };
  t.deepEqual(await zipsOf('Fields.zip', zipOfFiles(fields)), ['Fields.zip'], 'nothing but fields');
  t.deepEqual(await zipsOf('source.zip', zipOfFiles({ 'Scripts/script-One.yml': one })), [undefined]);
  const inFolder = Object.entries(built).map(([name, content]) => [`BuiltPack/${name}`, content] as const);
  t.deepEqual(await zipsOf('folder.zip', zipOfFiles(Object.fromEntries(inFolder))), [undefined]);
  const nested = zipOfFiles({ 'BuiltPack.zip': zipOfFiles(built) });
  t.deepEqual(await zipsOf('nested.zip', nested), [undefined]);
});
