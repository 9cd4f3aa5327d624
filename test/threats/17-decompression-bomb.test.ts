import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import test, { type ExecutionContext } from 'ava';
import { withBundleFixture, withFolder } from '../helpers/bundle-fixture.ts';
import { deflatedZeros, filled, gzippedZeros, zipClaiming } from '../helpers/bombs.ts';
import { writeKey } from '../helpers/cli-site.ts';
import { evil, good, name } from '../helpers/crafted-saves.ts';
import { measuredRun } from '../helpers/peak-memory.ts';
import { scripted } from '../helpers/registry-context.ts';
import { crane, json } from '../helpers/saves.ts';
import { signAgain } from '../helpers/signed-again.ts';
import { tarOf, type TarMember } from '../helpers/tar-file.ts';
import { endMark, paxHeader, rawHeader, rawMember } from '../helpers/tar-raw.ts';
import { zipOf } from '../helpers/zip-file.ts';

const gib = 1024 ** 3;
const mib = 1024 ** 2;
const most = 300 * mib;

interface Bomb {
  /** Files of the folder in which the command runs. */
  readonly files: Readonly<Record<string, string | Buffer>>;
  /** Paths of arguments that are files stand in angle brackets. */
  readonly args: readonly string[];
  readonly says: RegExp;
}

/** The command fails for the reason that it names, in bounded memory, and leaves nothing behind. */
async function defused(t: ExecutionContext, { files, args, says }: Bomb): Promise<void> {
  t.timeout(240_000);
  await withFolder(async (folder) => {
    for (const [file, content] of Object.entries(files)) await writeFile(path.join(folder, file), content);
    await writeKey(path.join(folder, 'key'), path.join(folder, 'trusted'));
    const argv = args.map((arg) => arg.replace(/<(.*?)>/, (_, file: string) => path.join(folder, file)));
    const ran = await measuredRun(argv, folder, { XDG_CACHE_HOME: path.join(folder, 'cache'), HOME: folder });
    t.true([2, 4, 5].includes(ran.status), `status ${ran.status}: ${ran.stderr}`);
    t.regex(ran.stderr, says);
    t.true(ran.peak < most, `${Math.round(ran.peak / mib)} MiB`);
    t.false(existsSync(path.join(folder, 'out', 'SHA256SUMS')));
    t.log(`${Math.round(ran.peak / mib)} MiB`);
  });
}

const manifestFor = (save: string): string =>
  `schema: packferry.export/v1\nname: soc\nimages: [{ reference: '${name}', from: 'docker-archive:${save}' }]\n`;

function save(content: Buffer, says: RegExp): Bomb {
  const files = { 'save.tar': content, 'm.yml': manifestFor('save.tar') };
  return { files, args: ['export', '<m.yml>', '-o', '<out>', '--key', '<key>'], says };
}

const packs = (file: string, content: string | Buffer, says: RegExp): Bomb => ({
  files: { [file]: content },
  args: ['plan', `<${file}>`],
  says,
});

/** A save whose one layer is this. */
function withLayer(layer: Buffer): Buffer {
  const config = { name: 'c.json', content: evil.config.bytes };
  const entry = { Config: 'c.json', RepoTags: ['demisto/sample:1.0'], Layers: ['a.tar.gz', 'l.tar.gz'] };
  const [first] = evil.layers;
  return tarOf([
    config,
    { name: 'a.tar.gz', content: first?.bytes ?? '' },
    { name: 'l.tar.gz', content: layer },
    json('manifest.json', [entry]),
  ]);
}

const replacing = (file: string, content: string): TarMember[] =>
  crane([{ name, image: good }]).map((member) => (member.name === file ? { name: file, content } : member));

/** Many empty members with names of their own, as one buffer. Their sums are made from the first one's: it is quick. */
function empties(count: number): Buffer {
  const first = rawHeader({ name: '0000000' });
  const sum = parseInt(first.toString('latin1', 148, 154), 8);
  const all = Buffer.alloc(count * first.length);
  for (let at = 0; at < count; at += 1) {
    const start = at * first.length;
    const digits = String(at).padStart(7, '0');
    first.copy(all, start);
    all.write(digits, start, 'latin1');
    let more = 0;
    for (const digit of digits) more += Number(digit);
    all.write((sum + more).toString(8).padStart(6, '0'), start + 148, 'latin1');
  }
  return all;
}

const bombs: Readonly<Record<string, () => Bomb>> = {
  'a layer of 10 GB of zeros': () => save(withLayer(gzippedZeros(10 * gib)), /l\.tar\.gz: .*decompressed/),
  'a layer that is gzip in gzip in gzip': () =>
    save(withLayer(gzipSync(gzipSync(gzippedZeros(10 * gib)))), /l\.tar\.gz/),
  'a save that is 10 GB of zeros': () => save(gzippedZeros(10 * gib), /save\.tar: more than \d+ zeros/),
  'a save of a million empty members': () =>
    save(gzipSync(Buffer.concat([empties(1_000_000), endMark]), { level: 1 }), /more than 50000 members/),
  'a save with a sparse file of GNU tar': () =>
    save(
      Buffer.concat([rawMember({ name: 'x', type: 'S', magic: 'ustar  \0' }, 'x'), endMark]),
      /a sparse file in the way of GNU tar/,
    ),
  'a save with an extended header of 8 GB': () =>
    save(
      Buffer.concat([rawHeader({ name: 'x', type: 'x', size: 0o77777777777 }), endMark]),
      /an extended header of over/,
    ),
  'a save that tells of 8 EB': () =>
    save(
      Buffer.concat([paxHeader([['size', String(2 ** 53 - 1)]]), rawHeader({ name: 'x' }), endMark]),
      /cut off/,
    ),
  'a manifest.json of 20 MB of empty objects': () =>
    save(
      tarOf(replacing('manifest.json', filled('[', '{},', '{}]', 20 * mib))),
      /manifest\.json.*more than \d+ keys and values/,
    ),
  'a manifest.json of 20 MB of names': () =>
    save(
      tarOf(
        replacing('manifest.json', filled('[{"Config":"x","RepoTags":[', '"a:1",', '"b:1"]}]', 20 * mib)),
      ),
      /manifest\.json/,
    ),
  'a config of 8 MB of empty lists': () => {
    const content = filled('{"os":"linux","x":[', '[],', '[]]}', 8 * mib - 100);
    const entry = { Config: 'c.json', RepoTags: ['demisto/sample:1.0'], Layers: [] };
    return save(tarOf([{ name: 'c.json', content }, json('manifest.json', [entry])]), /c\.json|config/);
  },
  'documents of 64 MB, and more': () => {
    const documents = Array.from({ length: 12 }, (_, at) => ({
      name: `d${at}.json`,
      content: filled('[', '1,', '1]', 7 * mib),
    }));
    return save(tarOf(documents), /no manifest\.json/);
  },
  'a pack in a zip that tells of 100 bytes and has 10 GB': () =>
    packs('p.zip', zipClaiming('A.yml', deflatedZeros(10 * gib), 100), /p\.zip!A\.yml: damaged/),
  'a pack in a zip that tells of 4 GB': () =>
    packs(
      'p.zip',
      zipClaiming('A.yml', deflatedZeros(4 * gib), 2 ** 32 - 2),
      /p\.zip!A\.yml: 4\.0 GiB, over the limit/,
    ),
  'an archive in a zip that is 200 MB of zeros': () =>
    packs(
      'p.zip',
      zipClaiming('inner.zip', deflatedZeros(200 * mib), 200 * mib),
      /p\.zip: more than .* of content/,
    ),
  'a zip of zips of zips of zips': () => {
    let zip = zipOf([{ name: 'x.yml', content: '' }]);
    for (let level = 0; level < 6; level += 1)
      zip = zipOf([
        { name: 'a.zip', content: zip },
        { name: 'b.zip', content: zip },
      ]);
    return packs('p.zip', zip, /more than \d+ archives in each other/);
  },
  'a pack in a tar of 10 GB of zeros': () =>
    packs(
      'p.tar.gz',
      // Two gzip streams behind each other are one.
      Buffer.concat([gzipSync(rawHeader({ name: 'A.txt', size: 0o77777777777 })), gzippedZeros(10 * gib)]),
      /p\.tar\.gz: more than .* of content/,
    ),
  'packs in a tar of a million empty members': () =>
    packs(
      'p.tar.gz',
      gzipSync(Buffer.concat([empties(1_000_001), endMark]), { level: 1 }),
      /p\.tar\.gz: (too many members|more than .* of content)/,
    ),
  'an item of 16 MB of tiny parts': () =>
    packs(
      'A.yml',
      filled(
        'commonfields: {id: A}\nname: A\nscript: x\ndockerimage: a\nx: [',
        '{},',
        '{}]\n',
        16 * mib - 200,
      ),
      /A\.yml:5:\d+: more than \d+ parts/,
    ),
  'an item of 16 MB of short lines': () =>
    packs(
      'A.yml',
      filled('commonfields: {id: A}\nname: &a A\ndockerimage: a\nscript: |\n', '  x\n', '', 16 * mib - 200),
      /A\.yml:\d+:\d+: more than \d+ parts/,
    ),
  'an export manifest of tiny parts': () => ({
    files: { 'm.yml': filled('schema: packferry.export/v1\nname: soc\nx: [', '{},', '{}]\n', mib - 100) },
    args: ['plan', '<m.yml>'],
    says: /m\.yml/,
  }),
  'a lock file of empty objects': () => ({
    files: { 'm.yml': manifestFor('x.tar'), 'packferry.lock.json': filled('[', '{},', '{}]', 20 * mib) },
    args: ['export', '<m.yml>', '-o', '<out>', '--key', '<key>', '--frozen-lock'],
    says: /packferry\.lock\.json/,
  }),
};

for (const [what, bomb] of Object.entries(bombs)) {
  test.serial(`threat 17: ends early, in less than 300 MiB: ${what}`, (t) => defused(t, bomb()));
}

/** Documents that a registry gives for whatever it is asked. */
const documents: Readonly<Record<string, string>> = {
  'a manifest of 4 MB of empty objects': filled('{"schemaVersion":2,"x":[', '{},', '{}]}', 4 * mib - 100),
  'a manifest of 4 MB of layers': filled(
    '{"schemaVersion":2,"layers":[',
    '{"size":1},',
    '{}]}',
    4 * mib - 100,
  ),
  'a manifest without end': filled('{"x":"', 'x', '"}', 30 * mib),
};

for (const [what, document] of Object.entries(documents)) {
  test.serial(`threat 17: ends early, in less than 300 MiB: ${what}, out of a registry`, async (t) => {
    const server = await scripted(t, (_, response) => {
      response.setHeader('content-type', 'application/vnd.oci.image.manifest.v1+json');
      response.end(document);
    });
    const manifest = `schema: packferry.export/v1\nname: soc\nimages: ['${server.host}/a/b:1']\n`;
    await defused(t, {
      files: { 'm.yml': manifest },
      args: ['export', '<m.yml>', '-o', '<out>', '--key', '<key>'],
      says: /a\/b:1/,
    });
  });
}

test.serial('threat 17: ends early, in less than 300 MiB: a signed bundle.json of 20 MB', async (t) => {
  await withBundleFixture(async ({ folder, write, signer, allowedLine }) => {
    const [bundle, trusted, target] = ['bundle', 'trusted', 'target'].map((one) =>
      path.join(folder, one),
    ) as [string, string, string];
    await write(bundle);
    await writeFile(trusted, allowedLine);
    const text = await readFile(path.join(bundle, 'bundle.json'), 'utf8');
    for (const [part, end] of [
      ['{},', '{}], "images"'],
      ['"x",', '1], "images"'],
    ] as const) {
      const content =
        filled(text.slice(0, text.indexOf('"images"')) + '"more": [', part, end, 19 * mib) +
        text.slice(text.indexOf('"images"') + 8);
      await signAgain(bundle, signer, { 'bundle.json': Buffer.from(content) });
      const ran = await measuredRun(
        ['import', bundle, '--trusted-keys', trusted, '--to', `oci:${target}`],
        folder,
      );
      t.is(ran.status, 4, ran.stderr);
      t.regex(ran.stderr, /bundle\.json: .*more than \d+ keys and values/);
      t.true(ran.peak < most, `${Math.round(ran.peak / mib)} MiB`);
      t.false(existsSync(target));
      t.log(`${Math.round(ran.peak / mib)} MiB`);
    }
  });
});

// A check of the content of layers (verify --deep) has its bombs here too: add them to the list above, as `verify`.
