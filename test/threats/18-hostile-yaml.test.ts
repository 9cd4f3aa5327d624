import { readdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { formatReference } from '../../src/core/reference.ts';
import { silent } from '../../src/core/events.ts';
import { loadExportManifest } from '../../src/flows/load-manifest.ts';
import { scanPacks } from '../../src/pack/scan.ts';
import { withFolder } from '../helpers/bundle-fixture.ts';
import { runCli, type Ran } from '../helpers/cli-run.ts';
import { writeKey } from '../helpers/cli-site.ts';
import { script } from '../helpers/pack-folder.ts';

interface Tried extends Ran {
  /** What lay in the folder before and after. */
  readonly before: readonly string[];
  readonly after: readonly string[];
  readonly milliseconds: number;
}

/** `packferry export` of an item, or of a manifest, in a folder with nothing else but keys. */
async function exported(file: 'A.yml' | 'm.yml', text: string): Promise<Tried> {
  return withFolder(async (folder) => {
    await writeFile(path.join(folder, file), text);
    await writeKey(path.join(folder, 'key'), path.join(folder, 'trusted'));
    const before = await readdir(folder);
    const started = performance.now();
    const ran = await runCli(
      ['export', path.join(folder, file), '-o', path.join(folder, 'out'), '--key', path.join(folder, 'key')],
      { home: folder },
    );
    const milliseconds = performance.now() - started;
    return { ...ran, before, after: await readdir(folder), milliseconds };
  });
}

const laughs = (levels: number, width: number): string =>
  Array.from({ length: levels }, (_, at) => {
    const inner = at === 0 ? '"lol"' : `*a${at - 1}`;
    return `a${at}: &a${at} [${Array.from({ length: width }, () => inner).join(', ')}]\n`;
  }).join('');

/** Texts that take more than they show, behind the keys of an item. */
const greedy: Readonly<Record<string, string>> = {
  'a billion laughs': laughs(10, 10),
  'a quadratic blow-up': `a: &a "${'x'.repeat(50_000)}"\nb: [${'*a, '.repeat(50_000)}*a]\n`,
  'a list that holds itself': 'a: &a [*a]\n',
  'a mapping that holds itself': 'a: &a\n  b: *a\n',
  'lists in lists': `a: ${'['.repeat(100_000)}\n`,
  'mappings in mappings': `a: ${'{b: '.repeat(50_000)}\n`,
  'items in items': `a: ${'- '.repeat(50_000)}x\n`,
};

for (const [what, text] of Object.entries(greedy)) {
  for (const file of ['A.yml', 'm.yml'] as const) {
    const head =
      file === 'A.yml'
        ? 'dockerimage: *a0\nname: A\nscript: x\ntype: python\n'
        : 'schema: packferry.export/v1\nname: soc\n';
    const whole =
      file === 'A.yml' ? text + head.replace('*a0', 'demisto/x:1') + 'commonfields: {id: A}\n' : head + text;
    test.serial(
      `threat 18: refused at once, with its place: ${what}, in ${file === 'A.yml' ? 'an item' : 'a manifest'}`,
      async (t) => {
        const { status, stderr, before, after, milliseconds } = await exported(file, whole);
        t.is(status, 2, stderr);
        t.regex(stderr, /error\[E_(PACK|MANIFEST)_INVALID\]/);
        t.true(stderr.includes(file), stderr);
        t.true(milliseconds < 30_000, `${milliseconds} ms`);
        t.deepEqual(after, before);
      },
    );
  }
}

/** What would do harm on a command line, in a shell, in a path or in a terminal. */
const images: Readonly<Record<string, string>> = {
  'an option of docker': '-v /:/host',
  'a long option': '--privileged',
  'a command': '$(id)',
  'a command in backquotes': '`id`',
  'a variable': '${HOME}',
  'two commands': 'demisto/x:1; id',
  'a pipe': 'demisto/x:1|id',
  'a line break': 'demisto/x:1\nrm -rf /',
  'a carriage return': 'demisto/x:1\rid',
  'a NUL': 'demisto/x:1\0',
  'an escape sequence': 'demisto/x:1\u001b[2J',
  'text from right to left': 'demisto/x:1\u202e',
  'a path': '../../etc/passwd',
  'an absolute path': '/etc/passwd',
  'an address': 'http://evil.example/x:1',
  'a file address': 'file:///etc/passwd',
  'an account': 'user:pass@evil.example/x:1',
  'a space': 'demisto/x :1',
  'letters that only look right': 'dem\u0456sto/x:1',
  'a tag that is an option': 'demisto/x:-v',
  'a digest of another kind': `demisto/x@md5:${'0'.repeat(32)}`,
  'another placeholder': 'demisto/{{image}}:1',
};

for (const [what, image] of Object.entries(images)) {
  test.serial(`threat 18: refused as the image of an item and of a manifest: ${what}`, async (t) => {
    const quoted = JSON.stringify(image);
    const item = script('A', 'type: python', `dockerimage: ${quoted}`);
    const manifest = `schema: packferry.export/v1\nname: soc\nimages: [${quoted}]\n`;
    for (const [file, text] of [
      ['A.yml', item],
      ['m.yml', manifest],
    ] as const) {
      const { status, stderr, before, after } = await exported(file, text);
      t.is(status, 2, stderr);
      t.regex(stderr, file === 'A.yml' ? /A\.yml:7:14: / : /m\.yml:3:10: /);
      t.false(/[\u001b\u202e\0\r]/.test(stderr), JSON.stringify(stderr));
      t.deepEqual(after, before);
    }
  });
}

test('threat 18: a tag of digits stays the text that it is, without quotes too', async (t) => {
  await withFolder(async (folder) => {
    const tags = ['1.10', '1e3', '0x10', '010', '1_000', '2026-11-23', '3.0'];
    for (const [at, tag] of tags.entries()) {
      await writeFile(
        path.join(folder, `S${at}.yml`),
        script(`S${at}`, 'type: python', `dockerimage: demisto/x:${tag}`),
      );
    }
    const { uses } = await scanPacks([folder], {
      testPlaybooks: false,
      alternatives: false,
      defaultImages: true,
      emit: silent,
    });
    t.deepEqual(
      uses.map(({ reference }) => formatReference(reference)).sort(),
      tags.map((tag) => `docker.io/demisto/x:${tag}`).sort(),
    );
    const manifest = path.join(folder, 'm.yml');
    await writeFile(manifest, 'schema: packferry.export/v1\nname: soc\nimages: [demisto/x:1.10]\n');
    const { images: wanted } = await loadExportManifest(manifest);
    t.deepEqual(
      wanted.map(({ reference }) => reference.tag),
      ['1.10'],
    );
  });
});

test('threat 18: tags of YAML make no objects, and keys do not reach prototypes', async (t) => {
  const text = `${script('A', 'type: python', 'dockerimage: !!js/function "function(){}"')}__proto__: {dockerimage: evil/x:1}\nx: !!python/object/apply:os.system ["id"]\n`;
  const { status, stderr } = await exported('A.yml', text);
  t.is(status, 2, stderr);
  t.regex(stderr, /A\.yml:7:\d+: /);
  t.false('dockerimage' in {});
});
