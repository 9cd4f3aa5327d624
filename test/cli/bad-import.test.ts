import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import test from 'ava';
import { failureReport, importReport } from '../../src/schema/reports.ts';
import { runCli } from '../helpers/cli-run.ts';
import { withSite, writeKey, type Site } from '../helpers/cli-site.ts';

interface Case {
  /** Makes the mistake with a good bundle at hand; returns the command line, without `--to`. */
  readonly arrange: (site: Site) => readonly string[] | Promise<readonly string[]>;
  readonly status: number;
  readonly code: string;
  readonly names: readonly (string | RegExp)[];
}

async function flipByte(file: string, at: number): Promise<void> {
  const bytes = await readFile(file);
  const place = Math.floor(bytes.length * at);
  bytes[place] = (bytes[place] ?? 0) ^ 1;
  await writeFile(file, bytes);
}

/** Refused with a message that names the culprit and a hint; nothing has come to the target. */
const refused = test.macro({
  async exec(t, { arrange, status, code, names }: Case) {
    await withSite(async (site) => {
      t.is((await runCli(site.exporting)).status, 0);
      const argv = await arrange(site);
      const to = argv[0] === 'import' ? ['--to', `oci:${site.at('target')}`] : [];
      const plain = await runCli([...argv, ...to]);
      t.is(plain.status, status, plain.stderr);
      t.true(plain.stderr.includes(`error[${code}]: `), plain.stderr);
      for (const name of names) {
        const found = typeof name === 'string' ? plain.stderr.includes(name) : name.test(plain.stderr);
        t.true(found, `${String(name)} is not named in:\n${plain.stderr}`);
      }
      t.true(plain.stderr.includes('\nhint: '), plain.stderr);
      const json = await runCli([...argv, ...to, '--json']);
      t.is(json.status, status);
      t.is(failureReport.parse(JSON.parse(json.stdout)).error.code, code);
      t.false((await readdir(site.folder)).includes('target'), 'the target has not been touched');
    });
  },
  title: (what) => `import is refused: ${what}`,
});

test('a flipped byte in an archive', refused, {
  arrange: async ({ at, importing }) => {
    await flipByte(at('bundle', 'images-001.tar'), 0.6);
    return importing;
  },
  status: 4,
  code: 'E_DIGEST_MISMATCH',
  names: [/images-001\.tar, byte [0-9]+: .* needed by docker\.io\/demisto\//],
});
test('a flipped byte in bundle.json', refused, {
  arrange: async ({ at, importing }) => {
    await flipByte(at('bundle', 'bundle.json'), 0.5);
    return importing;
  },
  status: 4,
  code: 'E_DIGEST_MISMATCH',
  names: ['bundle.json'],
});
test('a changed list', refused, {
  arrange: async ({ at, importing }) => {
    await flipByte(at('bundle', 'SHA256SUMS'), 0.01);
    return importing;
  },
  status: 4,
  code: 'E_SIGNATURE_INVALID',
  names: ['SHA256SUMS.sig'],
});
test('the same through verify', refused, {
  arrange: async ({ at, bundle, trusted }) => {
    await flipByte(at('bundle', 'SHA256SUMS'), 0.01);
    return ['verify', bundle, '--trusted-keys', trusted];
  },
  status: 4,
  code: 'E_SIGNATURE_INVALID',
  names: ['SHA256SUMS.sig'],
});
test('a signature by a key that is not trusted', refused, {
  arrange: async ({ at, bundle }) => {
    await writeKey(at('stranger'), at('strangers'));
    return ['import', bundle, '--trusted-keys', at('strangers')];
  },
  status: 4,
  code: 'E_SIGNER_UNTRUSTED',
  names: [/SHA256:/],
});
test('a missing archive', refused, {
  arrange: async ({ at, importing }) => {
    await rm(at('bundle', 'images-001.tar'));
    return importing;
  },
  status: 4,
  code: 'E_BUNDLE_INCOMPLETE',
  names: ['images-001.tar'],
});
test('no bundle there', refused, {
  arrange: ({ at, trusted }) => ['import', at('bundel'), '--trusted-keys', trusted],
  status: 4,
  code: 'E_BUNDLE_NOT_FOUND',
  names: ['bundel'],
});
test('no trusted keys', refused, {
  arrange: ({ bundle }) => ['import', bundle],
  status: 2,
  code: 'E_USAGE',
  names: ['--trusted-keys', '/etc/packferry/allowed_signers'],
});
test('a file of trusted keys that does not exist', refused, {
  arrange: ({ at, bundle }) => ['import', bundle, '--trusted-keys', at('nobody')],
  status: 2,
  code: 'E_TRUST_UNREADABLE',
  names: ['nobody'],
});
test('a file of trusted keys that is garbled', refused, {
  arrange: async ({ at, bundle }) => {
    await writeFile(at('garbled'), 'builder ssh-ed25519 AAAA\n');
    return ['import', bundle, '--trusted-keys', at('garbled')];
  },
  status: 2,
  code: 'E_TRUST_INVALID',
  names: [/garbled:1/],
});
test('an image that the bundle does not hold', refused, {
  arrange: ({ importing }) => [...importing, '--image', 'demisto/other:1', '--dry-run'],
  status: 2,
  code: 'E_IMAGE_NOT_IN_BUNDLE',
  names: ['docker.io/demisto/other:1', 'packferry inspect'],
});
test('something that is no image name', refused, {
  arrange: ({ importing }) => [...importing, '--image', 'Demisto/Other'],
  status: 2,
  code: 'E_REFERENCE_INVALID',
  names: ['Demisto/Other'],
});
for (const rate of ['fast', '0', '100', '50MiB/min']) {
  test(`a rate that is none, or far too slow: ${rate}`, async (t) => {
    const ran = await runCli(['import', '/nonexistent', '--limit-rate-per-target', rate]);
    t.is(ran.status, 2, ran.stderr);
    t.true(ran.stderr.includes('--limit-rate-per-target') && ran.stderr.includes('50MiB'), ran.stderr);
  });
}

test('endpoints that are none are told before the bundle is read, all of them', async (t) => {
  const to = ['--to', 'dokcer:', '--to', 'oci:'];
  const site = await withSite(({ at, trusted }) =>
    runCli(['import', at('no-bundle'), '--trusted-keys', trusted, ...to]),
  );
  t.is(site.status, 2);
  t.true(site.stderr.includes('error[E_ENDPOINT_INVALID]: 2 of 2 targets cannot be used'), site.stderr);
  t.true(site.stderr.includes('Did you mean docker:?'));
});

test('engines out of reach: status 6, all are named, and the other target gets everything', async (t) => {
  await withSite(async ({ at, exporting, importing }) => {
    t.is((await runCli(exporting)).status, 0);
    const gone = [`docker:unix://${at('no.sock')}`, 'docker:tcp://127.0.0.1:1'];
    const one = await runCli([...importing, '--to', gone[0] ?? '']);
    t.is(one.status, 6, one.stderr);
    t.true(one.stderr.includes('error[E_ENGINE_UNREACHABLE]: ') && one.stderr.includes('no.sock'));

    const to = [...gone, `oci:${at('target')}`].flatMap((endpoint) => ['--to', endpoint]);
    const several = await runCli([...importing, ...to]);
    t.is(several.status, 6);
    for (const name of ['no.sock', '127.0.0.1:1']) {
      const lines = several.stderr.split('\n').filter((line) => line.includes(name));
      t.true(
        lines.some((line) => line.startsWith('warning: ') && line.endsWith('nothing is sent there')),
        several.stderr,
      );
      t.true(
        lines.some((line) => line.startsWith('error[E_ENGINE_UNREACHABLE]')),
        several.stderr,
      );
    }
    t.true(several.stderr.includes(`to oci:${at('target')}: 3 loaded`), several.stderr);

    const none = await runCli([...importing, ...to.slice(0, 4)]);
    t.is(none.status, 6);
    t.true(none.stderr.includes('none of 2 targets can be used'), none.stderr);

    const byVariable = await runCli(importing, { env: { DOCKER_HOST: `unix://${at('other.sock')}` } });
    t.is(byVariable.status, 6);
    t.true(byVariable.stderr.includes('other.sock'));
  });
});

test('a target folder that is something else: status 6, and it stays as it is', async (t) => {
  await withSite(async ({ at, exporting, importing }) => {
    t.is((await runCli(exporting)).status, 0);
    await mkdir(at('home'));
    await writeFile(at('home', 'thesis.txt'), 'precious');
    const ran = await runCli([...importing, '--to', `oci:${at('home')}`]);
    t.is(ran.status, 6, ran.stderr);
    t.regex(ran.stderr, /E_TARGET_UNWRITABLE\]: oci:.*home: /);
    t.deepEqual(await readdir(at('home')), ['thesis.txt']);
    const file = await runCli([...importing, '--to', `oci:${at('home', 'thesis.txt')}`]);
    t.is(file.status, 6, file.stderr);
    t.regex(
      file.stderr,
      /E_TARGET_UNWRITABLE\]: oci:.*thesis\.txt: it is a file, and .* is a folder\nhint: /,
    );
  });
});

/** Leaves the name of one image of the bundle to another image in the layout folder at `target`. */
async function occupy({ at, importing }: Site): Promise<void> {
  await runCli([...importing, '--to', `oci:${at('target')}`, '--image', 'demisto/crypto:1.0.0.1']);
  const index = at('target', 'index.json');
  const text = await readFile(index, 'utf8');
  await writeFile(index, text.replaceAll('demisto/crypto:1.0.0.1', 'demisto/powershell:7.5.0.1'));
}

test('--keep-going: the image whose name is taken fails, the others are loaded, and the status is 3', async (t) => {
  await withSite(async (site) => {
    t.is((await runCli(site.exporting)).status, 0);
    await occupy(site);
    const to = [...site.importing, '--to', `oci:${site.at('target')}`, '-j', '1'];

    const stopped = await runCli([...to, '--json']);
    t.is(stopped.status, 6, stopped.stderr);
    t.true(stopped.stderr.includes('E_TAG_CONFLICT'));

    const ran = await runCli([...to, '--keep-going', '--json']);
    t.is(ran.status, 3, ran.stderr);
    t.true(ran.stderr.includes('error[E_PARTIAL]: 1 image could not be loaded'), ran.stderr);
    t.true(ran.stderr.includes('hint: '));
    const report = importReport.parse(JSON.parse(ran.stdout));
    t.deepEqual(
      report.targets[0]?.images.map(({ reference, status, error }) => [reference, status, error?.code]),
      [
        ['docker.io/demisto/crypto:1.0.0.1', 'loaded', undefined],
        ['docker.io/demisto/powershell:7.5.0.1', 'failed', 'E_TAG_CONFLICT'],
        ['docker.io/demisto/python3:3.12.13.1', 'loaded', undefined],
      ],
    );
  });
});

test('without --keep-going a name that is taken at one target lets nothing be sent to any', async (t) => {
  await withSite(async (site) => {
    t.is((await runCli(site.exporting)).status, 0);
    await occupy(site);
    const to = ['target', 'second'].flatMap((name) => ['--to', `oci:${site.at(name)}`]);
    const ran = await runCli([...site.importing, ...to, '-j', '1', '--json']);
    t.is(ran.status, 6);
    t.is(failureReport.parse(JSON.parse(ran.stdout)).error.code, 'E_TAG_CONFLICT');
    t.false((await readdir(site.at())).includes('second'));
  });
});

test('the trusted keys of the user are found, in the folder that XDG_CONFIG_HOME names or in ~/.config', async (t) => {
  await withSite(async ({ at, bundle, exporting, trusted }) => {
    t.is((await runCli(exporting)).status, 0);
    await mkdir(at('home', '.config', 'packferry'), { recursive: true });
    await writeFile(at('home', '.config', 'packferry', 'allowed_signers'), await readFile(trusted));
    const verify = ['verify', bundle];
    const home = at('home');
    t.is((await runCli(verify, { home })).status, 0);
    t.is((await runCli(verify, { env: { XDG_CONFIG_HOME: at('home', '.config') } })).status, 0);
    t.is((await runCli(verify, { home, env: { XDG_CONFIG_HOME: '' } })).status, 0, 'empty means unset');
    t.is((await runCli(verify, { env: { XDG_CONFIG_HOME: at('elsewhere') } })).status, 2);
  });
});

test('an engine that is off is status 6; a bundle that is damaged counts more', async (t) => {
  await withSite(async ({ exporting, importing, at }) => {
    t.is((await runCli(exporting)).status, 0);
    const argv = [...importing, '--to', `docker:unix://${at('no.sock')}`];
    const off = await runCli(argv);
    t.is(off.status, 6, off.stderr);
    t.regex(off.stderr, /^error\[E_ENGINE_UNREACHABLE\]: docker:unix:.*no\.sock\nhint: /m);
    await flipByte(at('bundle', 'images-001.tar'), 0.6);
    const damaged = await runCli(argv);
    t.is(damaged.status, 4, damaged.stderr);
    t.regex(damaged.stderr, /^error\[E_DIGEST_MISMATCH\]/m);
    t.notRegex(damaged.stderr, /error\[E_ENGINE_UNREACHABLE\]/);
  });
});
