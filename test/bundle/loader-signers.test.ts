import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { bundleNamespace } from '../../src/trust/verify.ts';
import { makeTrust } from '../helpers/bundle-fixture.ts';
import { loaderMachines, withLoaderSite, type LoaderSite } from '../helpers/loader.ts';
import { execOk, type ExecResult } from '../helpers/system-exec.ts';
import { needing, systemTools } from '../helpers/system-tools.ts';

function refused(t: ExecutionContext, { status, stdout, stderr }: ExecResult, words: string): void {
  t.is(status, 4, stdout + stderr);
  t.true((stdout + stderr).includes(words), stdout + stderr);
}

function good(t: ExecutionContext, { status, stdout, stderr }: ExecResult, by: string): void {
  t.is(status, 0, stdout + stderr);
  t.true(stdout.includes(`The bundle is good: signed by ${by};`), stdout);
}

/** The key of a line of allowed_signers: `TYPE BASE64`. */
function keyOf(line: string): string {
  return /(?:ssh|ecdsa)-\S+ \S+/.exec(line)?.[0] ?? '';
}

async function sign(
  site: LoaderSite,
  name: string,
  { signer }: Pick<LoaderSite['trust'], 'signer'>,
): Promise<void> {
  const list = await readFile(path.join(site.dir, 'SHA256SUMS'));
  await writeFile(path.join(site.dir, name), await signer.sign(list, bundleNamespace));
}

for (const machine of loaderMachines) {
  const on = (title: string, body: (t: ExecutionContext, site: LoaderSite) => Promise<void>): void => {
    test(
      `load.sh (${machine.title}): ${title}`,
      needing(machine.needs, (t) => withLoaderSite(machine, (site) => body(t, site))),
    );
  };

  on('every signature that is there must be good, whoever made it', async (t, site) => {
    const second = await makeTrust('second', 'ecdsa-p256');
    const file = path.join(site.dir, 'SHA256SUMS.2.sig');
    await sign(site, 'SHA256SUMS.2.sig', second);
    good(t, await site.check(), 'builder');
    refused(t, await site.check('second'), 'no signature is by a key');
    await writeFile(site.allowed, second.allowedLine);
    good(t, await site.check('second'), 'second');
    refused(t, await site.check(), 'no signature is by a key');
    await writeFile(site.allowed, site.trust.allowedLine + second.allowedLine);
    for (const text of ['junk', await second.signer.sign(Buffer.from('x'), bundleNamespace)]) {
      await writeFile(file, text);
      refused(t, await site.check(), 'SHA256SUMS.2.sig is no good signature');
    }
    await sign(site, 'SHA256SUMS.2.sig', second);
    await sign(site, 'SHA256SUMS.13.sig', second);
    good(t, await site.check('builder'), 'builder');
  });

  on('THRESHOLD counts persons, not files, keys, or names', async (t, site) => {
    const second = await makeTrust('second', 'ecdsa-p256');
    const { trust } = site;
    const two = { THRESHOLD: '2' };
    const trusts = (...lines: string[]): Promise<void> =>
      writeFile(site.allowed, lines.map((line) => `${line.trim()}\n`).join(''));
    await trusts(trust.allowedLine, second.allowedLine);
    refused(t, await site.check('builder,second', two), 'only 1 of the 2 signers');
    await sign(site, 'SHA256SUMS.2.sig', trust);
    refused(t, await site.check('builder,second', two), 'builder has signed already');
    await sign(site, 'SHA256SUMS.2.sig', second);
    good(t, await site.check('builder,second', two), 'second builder');
    good(t, await site.check('second,builder', two), 'second builder');
    refused(t, await site.check('builder', two), 'only 1 of the 2');
    refused(t, await site.check('builder,builder', two), 'only 1 of the 2');
    refused(t, await site.check('builder,second', { THRESHOLD: '3' }), 'only 2 of the 3');

    // One person with two keys, one key for two persons, a key for everybody.
    await trusts(trust.allowedLine, `builder ${keyOf(second.allowedLine)}`);
    refused(t, await site.check('builder,second', two), 'builder has signed already');
    await trusts(trust.allowedLine, `second ${keyOf(trust.allowedLine)}`);
    refused(t, await site.check('builder,second', two), 'stands for several of the names');
    await trusts(trust.allowedLine, `* ${keyOf(second.allowedLine)}`);
    refused(t, await site.check('builder,second', two), 'stands for several of the names');
    await sign(site, 'SHA256SUMS.2.sig', trust);
    await trusts(`b* ${keyOf(trust.allowedLine)}`, second.allowedLine);
    refused(t, await site.check('builder,second', two), 'builder has signed already');
  });

  on('revoked keys do not count, on whatever list they stand', async (t, site) => {
    const list = path.join(site.folder, 'withdrawn');
    const key = keyOf(site.trust.allowedLine);
    const other = await makeTrust('other');
    const given = { REVOKED_KEYS: 'withdrawn' };
    await writeFile(list, '');
    good(t, await site.check('builder', given), 'builder');
    await writeFile(list, `# stolen\n${keyOf(other.allowedLine)} other@site\n`);
    good(t, await site.check('builder', given), 'builder');
    await writeFile(list, `${keyOf(other.allowedLine)}\n${key} builder@site\n`);
    refused(t, await site.check('builder', given), 'revoked');
    await writeFile(list, 'nonsense\n');
    const { status } = await site.check('builder', given);
    t.not(status, 0, 'a list that cannot be read fails every signature');
    await writeFile(path.join(site.folder, 'revoked_keys'), `${key}\n`);
    refused(t, await site.check(), 'revoked');
    // A second good signature by a key that is not revoked is enough.
    await sign(site, 'SHA256SUMS.2.sig', other);
    await writeFile(site.allowed, site.trust.allowedLine + other.allowedLine);
    if (machine.keygen) good(t, await site.check('builder,other'), 'other');
  });

  on('lines of allowed_signers: names, namespaces and times', async (t, site) => {
    const key = keyOf(site.trust.allowedLine);
    const admitted: readonly string[] = [
      `builder ${key}`,
      `\t builder\t${key}  a comment`,
      `*,!somebody ${key}`,
      `a,buil?er ${key}`,
      `builder namespaces="file,bundle@*" ${key}`,
      `builder NAMESPACES="bundle@packferry",valid-after="20200101Z",valid-before="29991231235959Z" ${key}`,
      `# comment\n\nsomebody ${key}\nbuilder ${key}\r`,
    ];
    const not: readonly string[] = [
      `somebody ${key}`,
      `Builder ${key}`,
      `!builder,* ${key}`,
      `builder namespaces="file" ${key}`,
      `builder namespaces="*,!bundle@packferry" ${key}`,
      `builder valid-after="29990101Z" ${key}`,
      `builder valid-before="20200101Z" ${key}`,
      `builder cert-authority ${key}`,
      `[b]uilder ${key}`,
      `buil.er ${key}`,
    ];
    for (const line of admitted) {
      await writeFile(site.allowed, `${line}\n`);
      good(t, await site.check(), 'builder');
    }
    for (const line of not) {
      await writeFile(site.allowed, `${line}\n`);
      refused(t, await site.check(), 'no signature is by a key');
    }
  });

  if (!machine.keygen) {
    on('a line that openssl cannot judge admits nobody', async (t, site) => {
      const key = keyOf(site.trust.allowedLine);
      await writeFile(site.allowed, `builder valid-before="29990101" ${key}\n`);
      refused(t, await site.check(), 'have no Z');
      const bad: readonly string[] = [
        `builder no-touch-required ${key}`,
        `builder namespaces="bundle@packferry",namespaces="file" ${key}`,
        `builder namespaces="a\\"b" ${key}`,
        `builder namespaces="" ${key}`,
        `builder valid-before="20210230Z" ${key}`,
        `builder valid-after="20300101Z",valid-before="20200101Z" ${key}`,
        `builder valid-before=29990101Z ${key}`,
        `builder ecdsa-sha2-nistp256 AAAA`,
        `builder ssh-ed25519 ${key.split(' ')[1] ?? ''}`,
        'builder',
        `builder,, ${key}`,
      ];
      for (const line of bad) {
        // The good line does not make up for the bad one: what was mistyped may have been a restriction.
        await writeFile(site.allowed, `builder ${key}\n${line}\n`);
        const { status, stderr } = await site.check();
        t.is(status, 2, `${line}\n${stderr}`);
        t.true(stderr.includes('allowed_signers:2'), stderr);
      }
    });
    on('keys of the other curves and of RSA are checked, too', async (t, site) => {
      for (const [type, bits] of [
        ['ecdsa', '384'],
        ['ecdsa', '521'],
        ['rsa', '2048'],
        ['rsa', '3072'],
      ] as const) {
        const key = path.join(site.folder, `${type}${bits}`);
        const keygen = systemTools().path('ssh-keygen');
        await execOk(keygen, ['-q', '-t', type, '-b', bits, '-N', '', '-f', key]);
        await writeFile(site.allowed, `builder ${await readFile(`${key}.pub`, 'utf8')}`);
        const file = path.join(site.dir, 'SHA256SUMS.sig');
        const list = await readFile(path.join(site.dir, 'SHA256SUMS'));
        const signing = ['-Y', 'sign', '-q', '-f', key, '-n', bundleNamespace];
        const text = await execOk(keygen, signing, { input: list });
        await writeFile(file, text);
        good(t, await site.check(), 'builder');
        await writeFile(file, await execOk(keygen, signing, { input: 'something else' }));
        refused(t, await site.check(), 'no good signature');
      }
    });
  }
}
