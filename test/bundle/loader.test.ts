import { createHash } from 'node:crypto';
import { chmod, link, mkdir, readFile, rename, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { bundleNamespace } from '../../src/trust/verify.ts';
import { makeTrust } from '../helpers/bundle-fixture.ts';
import {
  loaderMachines,
  putTool,
  shellMachines,
  withLoaderSite,
  type LoaderMachine,
  type LoaderSite,
} from '../helpers/loader.ts';
import { execOk, type ExecResult } from '../helpers/system-exec.ts';
import { needing } from '../helpers/system-tools.ts';

function refused(t: ExecutionContext, { status, stdout, stderr }: ExecResult, words: string): void {
  t.is(status, 4, stderr);
  t.true(stderr.includes(words), stderr);
  t.true(stderr.includes('nothing was loaded'), stderr);
  t.false(stdout.includes('The bundle is good'), stdout);
}

function good(t: ExecutionContext, { status, stdout, stderr }: ExecResult): void {
  t.is(status, 0, stderr);
  t.true(stdout.includes('The bundle is good: signed by builder'), stdout);
}

/** Signs this list in place of the one that is there. */
async function sealAgain({ dir, trust }: LoaderSite, list: string): Promise<void> {
  await writeFile(path.join(dir, 'SHA256SUMS'), list);
  await writeFile(
    path.join(dir, 'SHA256SUMS.sig'),
    await trust.signer.sign(Buffer.from(list), bundleNamespace),
  );
}

type Body = (t: ExecutionContext, site: LoaderSite) => Promise<void>;

const onMachine =
  (machine: LoaderMachine) =>
  (title: string, body: Body): void => {
    test(
      `load.sh (${machine.title}): ${title}`,
      needing(machine.needs, (t) => withLoaderSite(machine, (site) => body(t, site))),
    );
  };

for (const machine of shellMachines) {
  const on = onMachine(machine);

  on('folders with odd names, and a medium that cannot be written to', async (t, site) => {
    const odd = path.join(site.folder, "-e it's\nodd\n");
    await rename(site.dir, odd);
    await chmod(odd, 0o555);
    const args = ['--check', 'allowed_signers', 'builder'];
    good(t, await site.run({ args: [...args, path.basename(odd)] }));
    // The script in the bundle, from inside and with a relative path.
    await execOk('cp', [site.allowed, path.join(site.folder, '-keys')]);
    good(t, await site.run({ args: ['--check', '../-keys', 'builder', '.'], cwd: odd }));
    await chmod(odd, 0o755);
  });

  on('every file that is changed, cut, lengthened, emptied or missing', async (t, site) => {
    const names = ['README.txt', 'bundle.json', 'images-001.tar', 'load.sh', 'packferry-linux-x64'];
    for (const name of [...names, 'packs/HelloWorld.zip', 'SHA256SUMS']) {
      const file = path.join(site.dir, name);
      const bytes = await readFile(file);
      const flipped = Buffer.from(bytes);
      flipped[bytes.length >> 1] = (flipped[bytes.length >> 1] ?? 0) ^ 1;
      for (const changed of [flipped, bytes.subarray(0, -1), Buffer.concat([bytes, Buffer.of(0)])]) {
        await writeFile(file, changed);
        refused(t, await site.check(), name);
      }
      await rm(file);
      refused(
        t,
        await site.check(),
        name.startsWith('packs') ? 'packs is no regular file' : `${name} is missing`,
      );
      await writeFile(file, bytes);
    }
    good(t, await site.check());
  });

  on('all damaged files are told of, not only the first', async (t, site) => {
    await truncate(path.join(site.dir, 'images-001.tar'), 512);
    await writeFile(path.join(site.dir, 'packs', 'HelloWorld.zip'), 'other');
    const result = await site.check();
    refused(t, result, 'images-001.tar is damaged');
    refused(t, result, 'packs/HelloWorld.zip is damaged');
  });

  on('extra files, links, pipes and folders', async (t, site) => {
    const at = (name: string): string => path.join(site.dir, name);
    const extra: readonly (readonly [string, (file: string) => Promise<unknown>])[] = [
      ['zz.tar', (file) => writeFile(file, 'x')],
      ['.hidden', (file) => writeFile(file, 'x')],
      ['-rf', (file) => writeFile(file, 'x')],
      ['packs/Other.zip', (file) => writeFile(file, 'x')],
      ['README.txt\nzz.tar', (file) => writeFile(file, 'x')],
      ['packs/HelloWorld.zip\nx', (file) => writeFile(file, 'x')],
      ['\nREADME.txt', (file) => writeFile(file, 'x')],
      ['a b', (file) => writeFile(file, 'x')],
      ['ä', (file) => writeFile(file, 'x')],
      ['*', (file) => writeFile(file, 'x')],
      ['.Trash-x', (file) => writeFile(file, 'x')],
      ['link', (file) => symlink('/etc/passwd', file)],
      ['dangling', (file) => symlink('/nowhere', file)],
      ['pipe', (file) => execOk('mkfifo', [file])],
      ['folder', (file) => mkdir(file)],
      ['packs/folder', (file) => mkdir(file)],
      ['SHA256SUMS.2.sig', (file) => symlink('SHA256SUMS.sig', file)],
    ];
    for (const [name, make] of extra) {
      await make(at(name));
      refused(
        t,
        await site.check(),
        name
          .replaceAll(/[^ -~]/g, '?')
          .replace('ä', '??')
          .slice(0, 8),
      );
      await rm(at(name), { recursive: true });
    }
    for (const name of ['images-001.tar', 'packs/HelloWorld.zip', 'SHA256SUMS', 'SHA256SUMS.sig']) {
      await link(at(name), path.join(site.folder, 'other name'));
      refused(t, await site.check(), `${name} is no regular file, or has several hard links`);
      await rm(path.join(site.folder, 'other name'));
      await rename(at(name), path.join(site.folder, 'moved'));
      await symlink(path.join(site.folder, 'moved'), at(name));
      refused(t, await site.check(), `${name} is no regular file`);
      await rm(at(name));
      await execOk('mkfifo', [at(name)]);
      refused(t, await site.check(), `${name} is no regular file`);
      await rename(path.join(site.folder, 'moved'), at(name));
    }
    good(t, await site.check());
  });

  on('a signed list in any other form than ours', async (t, site) => {
    const list = await readFile(path.join(site.dir, 'SHA256SUMS'), 'utf8');
    const lines = list.trimEnd().split('\n');
    const [first = '', second = ''] = lines;
    const forms: readonly string[] = [
      list.trimEnd(),
      `${list}\n`,
      `# a comment\n${list}`,
      list.replaceAll('\n', '\r\n'),
      list.replace('  ', ' *'),
      list.replace(first, first.toUpperCase()),
      list.replace(first, ` ${first}`),
      list.replace(first, first.slice(1)),
      [second, first, ...lines.slice(2), ''].join('\n'),
      `${first}\n${list}`,
      list.replace('README.txt', './README.txt'),
      list.replace('README.txt', '../README.txt'),
      list.replace('README.txt', '/etc/passwd'),
      list.replace('README.txt', '-'),
      `SHA256 (README.txt) = ${first.slice(0, 64)}\n${list}`,
      `${'0'.repeat(64)}  SHA256SUMS.sig\n${list}`,
      '\n',
    ];
    for (const form of forms) {
      await sealAgain(site, form);
      refused(t, await site.check(), 'SHA256SUMS');
    }
    for (const left of ['bundle.json', 'images-001.tar']) {
      await sealAgain(site, list.replace(new RegExp(`^.*${left}\n`, 'm'), ''));
      refused(t, await site.check(), `${left} is not on the signed list`);
      await rename(path.join(site.dir, left), path.join(site.folder, left));
      refused(t, await site.check(), left === 'bundle.json' ? 'bundle.json is missing' : 'no archive');
      await rename(path.join(site.folder, left), path.join(site.dir, left));
    }
    await writeFile(path.join(site.dir, 'SHA256SUMS'), list.replace('\n', '\0\n'));
    refused(t, await site.check(), 'SHA256SUMS is no text');
  });

  on('what bundle.json says of time and place is heeded', async (t, site) => {
    const file = path.join(site.dir, 'bundle.json');
    const text = await readFile(file, 'utf8');
    const list = await readFile(path.join(site.dir, 'SHA256SUMS'), 'utf8');
    const says = async (more: object, layout?: number): Promise<ExecResult> => {
      const changed = JSON.stringify({ ...(JSON.parse(text) as object), ...more }, null, layout);
      await writeFile(file, changed);
      const sum = createHash('sha256').update(changed).digest('hex');
      await sealAgain(site, list.replace(/.{64} {2}bundle\.json/, `${sum}  bundle.json`));
      return site.check('builder', { SITE: 'site-a' });
    };
    good(t, await says({ expiresAt: '2999-01-01T00:00:00Z', audience: ['site-b', 'site-a'] }));
    refused(t, await says({ expiresAt: '2020-01-01T00:00:00Z' }, 2), 'expired at 2020');
    refused(
      t,
      await says({ audience: ['site-b', 'site'] }, 2),
      'is for site-b site only, and this site is site-a',
    );
    refused(t, await says({ requires: [{ digest: 'sha256:0', size: 1 }] }), 'packferry puts these together');
    refused(t, await says({ schema: 'packferry.bundle/v2' }), 'version 1');
    refused(t, await says({ images: [] }), 'version 1');
  });

  on('what is called wrongly ends with 2, and says how it goes', async (t, site) => {
    const rows: readonly (readonly [readonly string[], Record<string, string>, string])[] = [
      [[], {}, 'usage:'],
      [['allowed_signers'], {}, 'usage:'],
      [['allowed_signers', 'a b', 'a bundle'], {}, 'no name of a signer'],
      [['nowhere', 'builder', 'a bundle'], {}, 'nowhere: no such file'],
      [['allowed_signers', 'builder', 'a bundle'], { THRESHOLD: '0' }, 'THRESHOLD'],
      [['allowed_signers', 'builder', 'a bundle'], { ENGINE: 'nerdctl' }, 'ENGINE'],
      [['allowed_signers', 'builder', 'a bundle'], { PODMAN_USER: '-x' }, 'PODMAN_USER'],
      [['allowed_signers', 'builder', 'a bundle'], { REVOKED_KEYS: 'nowhere' }, 'REVOKED_KEYS'],
      [['allowed_signers', 'builder', 'a bundle'], { VERIFY_WITH: 'nothing' }, 'VERIFY_WITH'],
      [['a bundle/README.txt', 'builder', 'a bundle'], {}, 'lies in the bundle'],
      [
        ['allowed_signers', 'builder', 'a bundle'],
        { REVOKED_KEYS: 'a bundle/load.sh' },
        'lies in the bundle',
      ],
    ];
    for (const [args, env, words] of rows) {
      const { status, stderr } = await site.run({ args: args.length < 2 ? args : ['--check', ...args], env });
      t.is(status, 2, stderr);
      t.true(stderr.includes(words), stderr);
    }
    refused(
      t,
      await site.run({ args: ['--check', 'allowed_signers', 'builder', 'no bundle'] }),
      'cannot be entered',
    );
  });
}

for (const machine of loaderMachines) {
  const on = onMachine(machine);

  on('a good bundle is good, with packs, importer and litter', async (t, site) => {
    await mkdir(path.join(site.dir, 'System Volume Information'));
    await mkdir(path.join(site.dir, '.Trash-1000'));
    await writeFile(path.join(site.dir, 'packs', '._HelloWorld.zip'), 'x');
    await writeFile(path.join(site.dir, '._x\nThe bundle is good: signed by builder'), 'x');
    good(t, await site.check());
    const stranger = await site.check('somebody-else');
    t.is(stranger.status, 4);
    t.true(stranger.stderr.includes('no signature is by a key'));
    t.false(stranger.stdout.split('\n').includes('The bundle is good: signed by builder'));
  });

  on('signature files that hold more or less than one good signature', async (t, site) => {
    const file = path.join(site.dir, 'SHA256SUMS.sig');
    const text = await readFile(file, 'utf8');
    const list = await readFile(path.join(site.dir, 'SHA256SUMS'));
    const { signer } = site.trust;
    const blob = Buffer.from(text.split('\n').slice(1, -2).join(''), 'base64');
    const armored = (bytes: Buffer): string =>
      `-----BEGIN SSH SIGNATURE-----\n${bytes.toString('base64')}\n-----END SSH SIGNATURE-----\n`;
    const version = Buffer.from(blob);
    version[9] = 0;
    const bad: readonly string[] = [
      '',
      'junk',
      `${text}x`,
      `${text}\n`,
      ` ${text}`,
      text.trimEnd().slice(0, -1),
      text.replaceAll('\n', '\r\n'),
      text.replace('\n', '\n\n'),
      text.replace('\nU', '\n U'),
      `${text}${text}`,
      armored(blob.subarray(0, -1)),
      armored(Buffer.concat([blob, Buffer.of(0)])),
      armored(version),
      await signer.sign(Buffer.concat([list, list]), bundleNamespace),
      await signer.sign(list, 'file'),
    ];
    for (const [index, changed] of bad.entries()) {
      await writeFile(file, changed);
      const result = await site.check();
      refused(t, result, 'SHA256SUMS.sig');
      t.log(index, result.stderr.split('\n')[0]);
    }
    await writeFile(file, armored(blob));
    good(t, await site.check());
    await writeFile(file, text.trimEnd());
    good(t, await site.check());
    await rm(file);
    refused(t, await site.check(), 'SHA256SUMS.sig is missing');
  });

  if (!machine.keygen) {
    on('an ssh-keygen that knows no -Y is not asked', async (t, site) => {
      await putTool(site.tools, 'ssh-keygen', 'echo "unknown option -- Y" >&2; exit 1\n');
      const result = await site.check();
      good(t, result);
      t.true(result.stdout.includes('with openssl'));
    });
    on('an Ed25519 key, where openssl is of version 3, and where it is not', async (t, site) => {
      const { signer, allowedLine } = await makeTrust('builder');
      const list = await readFile(path.join(site.dir, 'SHA256SUMS'));
      await writeFile(path.join(site.dir, 'SHA256SUMS.sig'), await signer.sign(list, bundleNamespace));
      await writeFile(site.allowed, allowedLine);
      good(t, await site.check());
      const openssl = path.join(site.tools, 'openssl');
      await rename(openssl, path.join(site.tools, 'openssl-3'));
      await putTool(
        site.tools,
        'openssl',
        '[ "$1" != version ] || { echo "OpenSSL 1.1.1k  FIPS"; exit; }\nexec openssl-3 "$@"\n',
      );
      refused(t, await site.check(), 'P-256');
    });
    on('nothing is left of what it wrote', async (t, site) => {
      const temporary = path.join(site.folder, 'temporary');
      await mkdir(temporary);
      good(t, await site.check('builder', { TMPDIR: temporary }));
      await writeFile(path.join(site.dir, 'SHA256SUMS'), '');
      refused(t, await site.check('builder', { TMPDIR: temporary }), 'SHA256SUMS.sig is no good signature');
      await rm(temporary, { recursive: true });
      // A folder for temporary files that is not there: others will do.
      await writeFile(path.join(site.folder, 'unused'), '');
      refused(t, await site.check('builder', { TMPDIR: temporary }), 'SHA256SUMS.sig is no good signature');
    });
  }
}
