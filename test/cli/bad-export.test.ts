import { copyFile, mkdir, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import test from 'ava';
import { failureReport } from '../../src/schema/reports.ts';
import { runCli } from '../helpers/cli-run.ts';
import { siteReferences, withSite, writeKey, type Site } from '../helpers/cli-site.ts';
import { refuse, serveFrom, startScripted } from '../helpers/registry-scripted.ts';
import { writePack } from '../helpers/write-pack.ts';

interface Case {
  /** Makes the mistake; returns the command line. */
  readonly arrange: (site: Site) => readonly string[] | Promise<readonly string[]>;
  readonly status: number;
  readonly code: string;
  /** What the message must name. */
  readonly names: readonly (string | RegExp)[];
}

/** Refused with a message that names the culprit and a hint; no file of a bundle stands under its final name. */
const refused = test.macro({
  async exec(t, { arrange, status, code, names }: Case) {
    await withSite(async (site) => {
      const argv = await arrange(site);
      const plain = await runCli(argv);
      t.is(plain.status, status, plain.stderr);
      t.true(plain.stderr.includes(`error[${code}]: `), plain.stderr);
      for (const name of names) {
        const found = typeof name === 'string' ? plain.stderr.includes(name) : name.test(plain.stderr);
        t.true(found, `${String(name)} is not named in:\n${plain.stderr}`);
      }
      t.true(plain.stderr.includes('\nhint: '), plain.stderr);
      t.false(plain.stderr.includes('    at '), 'a stack only with --debug');

      const json = await runCli([...argv, '--json']);
      t.is(json.status, status);
      const { error } = failureReport.parse(JSON.parse(json.stdout));
      t.is(error.code, code);

      const written = await readdir(site.bundle).catch(() => []);
      t.deepEqual(
        written.filter((name) => /^(SHA256SUMS|bundle\.json|images-[0-9]+\.tar$)/.test(name)),
        [],
      );
    });
  },
  title: (what) => `export is refused: ${what}`,
});

test('a manifest with an unknown key', refused, {
  arrange: async ({ manifestFor, host, exporting }) => {
    await manifestFor('soc.yml', host, 'volumesize: 4GiB\nplatfrom: linux/amd64\n');
    return exporting;
  },
  status: 2,
  code: 'E_MANIFEST_INVALID',
  names: [/soc\.yml:7:1: .*volumesize/, /soc\.yml:8:1: .*platfrom/, 'platform'],
});
test('a manifest that does not exist', refused, {
  arrange: ({ at, bundle }) => ['export', at('sco.yml'), '-o', bundle],
  status: 2,
  code: 'E_MANIFEST_UNREADABLE',
  names: ['sco.yml', /Did you mean .*soc\.yml\?/],
});
test('a pack that does not exist', refused, {
  arrange: ({ at, bundle, key }) => ['export', at('Packs', 'Smaple'), '-o', bundle, '--key', key],
  status: 2,
  code: 'E_PACK_NOT_FOUND',
  names: ['Smaple', 'Sample'],
});
test('a pack that the manifest names and that does not exist', refused, {
  arrange: async ({ at, exporting }) => {
    await rm(at('Packs'), { recursive: true });
    return exporting;
  },
  status: 2,
  code: 'E_PACK_NOT_FOUND',
  names: ['Packs'],
});
test('a pack with broken YAML', refused, {
  arrange: async ({ at, exporting }) => {
    await writeFile(at('Packs', 'Sample', 'Integrations', 'Item0', 'Item0.yml'), 'script:\n  a: [1\nb: 2\n');
    return exporting;
  },
  status: 2,
  code: 'E_PACK_INVALID',
  names: [/Item0\.yml:[0-9]+:[0-9]+: /],
});
test('two images that the registry does not have', refused, {
  arrange: async ({ at, host, bundle, key }) => {
    const pack = await writePack(at('Gone'), [
      `${host}/demisto/crypto:1.0.0.1`,
      `${host}/demisto/gone:1`,
      `${host}/demisto/crypto:no-such-tag`,
    ]);
    return ['export', pack, '-o', bundle, '--key', key];
  },
  status: 5,
  code: 'E_IMAGE_NOT_FOUND',
  names: [
    /demisto\/gone:1: .*Item1\.yml:9/,
    /demisto\/crypto:no-such-tag: .*Item2\.yml:9/,
    '2 of 3 images cannot be had',
  ],
});
test('an output folder with something in it', refused, {
  arrange: async ({ bundle, exporting }) => {
    await mkdir(bundle);
    await writeFile(`${bundle}/thesis.txt`, 'precious');
    return exporting;
  },
  status: 2,
  code: 'E_OUTPUT_EXISTS',
  names: [/bundle is not empty/],
});
test('an output that is a file', refused, {
  arrange: async ({ bundle, exporting }) => {
    await writeFile(bundle, 'precious');
    return exporting;
  },
  status: 2,
  code: 'E_OUTPUT_EXISTS',
  names: [/bundle is a file/],
});
test('an output below a file', refused, {
  arrange: ({ manifest, key }) => ['export', manifest, '-o', `${key}/bundle`, '--key', key],
  status: 2,
  code: 'E_OUTPUT_UNWRITABLE',
  names: ['key/bundle'],
});
test('no key', refused, {
  arrange: ({ manifest, bundle }) => ['export', manifest, '-o', bundle],
  status: 2,
  code: 'E_USAGE',
  names: ['signing key', 'packferry keygen'],
});
test('a key that does not exist', refused, {
  arrange: ({ at, manifest, bundle }) => ['export', manifest, '-o', bundle, '--key', at('lost')],
  status: 2,
  code: 'E_KEY_UNREADABLE',
  names: ['lost'],
});
test('the public half of a key that nobody holds', refused, {
  arrange: async ({ at, manifest, bundle, key }) => {
    await copyFile(`${key}.pub`, at('lonely.pub'));
    return ['export', manifest, '-o', bundle, '--key', at('lonely.pub')];
  },
  status: 2,
  code: 'E_KEY_UNAVAILABLE',
  names: ['lonely.pub', 'SSH_AUTH_SOCK', /hint: Add the key to the agent/],
});
test('a key that is none', refused, {
  arrange: async ({ at, manifest, bundle }) => {
    await writeFile(at('noise'), 'no key at all', { mode: 0o600 });
    return ['export', manifest, '-o', bundle, '--key', at('noise')];
  },
  status: 2,
  code: 'E_KEY_UNREADABLE',
  names: ['noise'],
});
test('an encrypted key and nobody to ask for its passphrase', refused, {
  arrange: async ({ at, manifest, bundle }) => {
    await writeKey(at('locked'), at('locked-signers'), 'a passphrase');
    return ['export', manifest, '-o', bundle, '--key', at('locked')];
  },
  status: 2,
  code: 'E_KEY_PASSPHRASE',
  names: ['locked', '--passphrase-file'],
});
test('an encrypted key and the wrong passphrase', refused, {
  arrange: async ({ at, manifest, bundle }) => {
    await writeKey(at('locked'), at('locked-signers'), 'a passphrase');
    await writeFile(at('words'), 'not these words\n');
    return ['export', manifest, '-o', bundle, '--key', at('locked'), '--passphrase-file', at('words')];
  },
  status: 2,
  code: 'E_KEY_PASSPHRASE',
  names: ['locked'],
});
test('a passphrase file that does not exist', refused, {
  arrange: async ({ at, manifest, bundle }) => {
    await writeKey(at('locked'), at('locked-signers'), 'a passphrase');
    return ['export', manifest, '-o', bundle, '--key', at('locked'), '--passphrase-file', at('words')];
  },
  status: 2,
  code: 'E_KEY_PASSPHRASE',
  names: ['words'],
});
test('a passphrase file without an end', refused, {
  arrange: async ({ at, manifest, bundle }) => {
    await writeKey(at('locked'), at('locked-signers'), 'a passphrase');
    return ['export', manifest, '-o', bundle, '--key', at('locked'), '--passphrase-file', '/dev/zero'];
  },
  status: 2,
  code: 'E_KEY_PASSPHRASE',
  names: ['/dev/zero', 'limit'],
});
test('a caFile without an end', refused, {
  arrange: async ({ manifestFor, bundle, key, host }) => {
    const more = '  r.example: { caFile: /dev/zero }\n';
    return ['export', await manifestFor('endless.yml', host, more), '-o', bundle, '--key', key];
  },
  status: 2,
  code: 'E_MANIFEST_INVALID',
  names: ['caFile /dev/zero'],
});
test('a volume size that is none', refused, {
  arrange: ({ exporting }) => [...exporting, '--volume-size', 'huge'],
  status: 2,
  code: 'E_USAGE',
  names: ['--volume-size: "huge"'],
});
test('a volume size that is too small for any image', refused, {
  arrange: ({ exporting }) => [...exporting, '--volume-size', '700KB'],
  status: 2,
  code: 'E_IMAGE_TOO_LARGE',
  names: [/docker\.io\/demisto\/crypto:1\.0\.0\.1: needs .* [0-9]+ bytes/, '700000'],
});
test('--frozen-lock without a lock', refused, {
  arrange: ({ exporting }) => [...exporting, '--frozen-lock'],
  status: 2,
  code: 'E_LOCK_UNREADABLE',
  names: ['packferry.lock.json', '"packferry lock"'],
});
test('--frozen-lock with a lock that lacks an image', refused, {
  arrange: async ({ manifest, pack, exporting }) => {
    await runCli(['lock', manifest]);
    await writePack(`${pack}2`, ['demisto/late:1']);
    return [...exporting, '--frozen-lock'];
  },
  status: 2,
  code: 'E_LOCK_STALE',
  names: ['packferry.lock.json', 'docker.io/demisto/late:1'],
});
test('--frozen-lock with a lock that is none', refused, {
  arrange: async ({ at, exporting }) => {
    await writeFile(at('packferry.lock.json'), '{"images":[]}');
    return [...exporting, '--frozen-lock'];
  },
  status: 2,
  code: 'E_LOCK_INVALID',
  names: ['packferry.lock.json'],
});

test('export is refused: an output folder that holds another bundle, which stays as it is', async (t) => {
  await withSite(async ({ manifest, bundle, key, exporting, manifestFor, host, importing, at }) => {
    t.is((await runCli(exporting)).status, 0);
    const other = await manifestFor('other.yml', host, 'images: [demisto/crypto:1.0.0.1]\n');
    await writeFile(other, (await readFile(other, 'utf8')).replace('name: soc', 'name: other'));
    const refusal = await runCli(['export', other, '-o', bundle, '--key', key]);
    t.is(refusal.status, 2, refusal.stderr);
    t.regex(refusal.stderr, /E_OUTPUT_EXISTS\]: .*bundle holds another bundle/);
    const inside = await runCli(['export', other, '-o', `${bundle}/other`, '--key', key]);
    t.is(inside.status, 2, inside.stderr);
    t.regex(inside.stderr, /E_OUTPUT_EXISTS\]: .*other would lie inside the bundle .*bundle\nhint: /);
    const stdout = await runCli(['export', other, '-o', '-', '--key', key]);
    t.is(stdout.status, 2, stdout.stderr);
    t.regex(stdout.stderr, /E_USAGE\]: a bundle is a folder, and cannot go to standard output\nhint: /);
    t.is((await runCli([...importing, '--to', `oci:${at('target')}`])).status, 0);
    t.is((await runCli(['plan', manifest])).status, 0);
  });
});

test('a registry out of reach: status 5, and every image is named with the place that asks for it', async (t) => {
  t.timeout(120_000);
  await withSite(async ({ at, bundle, key }) => {
    const pack = await writePack(at('Far'), ['127.0.0.1:1/demisto/one:1', '127.0.0.1:1/demisto/two:2']);
    const ran = await runCli(['export', pack, '-o', bundle, '--key', key]);
    t.is(ran.status, 5, ran.stderr);
    t.true(ran.stderr.includes('error[E_SOURCE_UNREACHABLE]: 2 of 2 images cannot be had'), ran.stderr);
    t.regex(ran.stderr, /one:1: 127\.0\.0\.1:1 is out of reach: .*Item0\.yml:9/);
    t.regex(ran.stderr, /two:2: 127\.0\.0\.1:1 is out of reach: .*Item1\.yml:9/);
  });
});

test('--keep-going: one blob cannot be fetched, all others are, and the next run needs only that one', async (t) => {
  await withSite(async ({ at, content, bundle, key }) => {
    const image = await content.manifest('demisto/powershell', '7.5.0.1');
    const { layers } = JSON.parse(image?.bytes.toString() ?? '{}') as { layers: { digest: string }[] };
    const lost = layers.at(-1)?.digest ?? '';
    let isLost = true;
    const registry = await startScripted((request, response) =>
      isLost && request.path.includes(lost)
        ? refuse(response, 404, 'BLOB_UNKNOWN')
        : serveFrom(content, request, response),
    );
    try {
      const pack = await writePack(
        at('Direct'),
        siteReferences.map((reference) => `${registry.host}/${reference}`),
      );
      const argv = ['export', pack, '-o', bundle, '--key', key, '-j', '1'];
      const ran = await runCli([...argv, '--keep-going']);
      t.is(ran.status, 3, ran.stderr);
      t.true(ran.stderr.includes('error[E_PARTIAL]: 1 of 3 images could not be had'), ran.stderr);
      t.true(ran.stderr.includes(`demisto/powershell:7.5.0.1: blob ${lost}`), ran.stderr);
      t.false((await readdir(bundle)).includes('SHA256SUMS.sig'));

      const before = registry.seen.length;
      isLost = false;
      t.is((await runCli(argv)).status, 0);
      const configs = siteReferences.length;
      const fetched = registry.seen.slice(before).filter(({ path }) => path.includes('/blobs/'));
      t.is(fetched.length, configs + 1);
    } finally {
      await registry.close();
    }
  });
});

test('lock --check: says what would change, and writes nothing', async (t) => {
  await withSite(async ({ at, manifest, pack }) => {
    const never = await runCli(['lock', manifest, '--check']);
    t.is(never.status, 2);
    t.regex(never.stderr, /E_LOCK_STALE\]: .*packferry\.lock\.json would change: 3 images new/);
    t.false((await readdir(at())).includes('packferry.lock.json'));

    t.is((await runCli(['lock', manifest])).status, 0);
    await rm(`${pack}/Integrations/Item1`, { recursive: true });
    const gone = await runCli(['lock', manifest, '--check']);
    t.is(gone.status, 2);
    t.true(gone.stderr.includes('1 image gone'), gone.stderr);
    t.regex(gone.stdout, /gone +docker\.io\/demisto\/crypto/);
    t.false(gone.stdout.includes('python3'), 'only what changes is listed');
  });
});

test('plan lists what it found beside what is missing', async (t) => {
  await withSite(async ({ at, host }) => {
    const pack = await writePack(at('Half'), [`${host}/demisto/crypto:1.0.0.1`, `${host}/demisto/gone:1`]);
    const ran = await runCli(['plan', pack]);
    t.is(ran.status, 5);
    t.true(ran.stdout.includes('demisto/crypto:1.0.0.1'));
    t.regex(ran.stderr, /error\[E_IMAGE_NOT_FOUND\]: .*demisto\/gone:1/);
    t.true(ran.stderr.includes('1 image missing.'), ran.stderr);
  });
});

test('--debug prints the stack of an error', async (t) => {
  const ran = await runCli(['plan', '/nonexistent/Packs', '--debug']);
  t.is(ran.status, 2);
  t.true(ran.stderr.includes('    at '));
});
