import { appendFile, readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { trustListReport, trustRevokeReport } from '../../../src/schema/reports-trust.ts';
import { onTerminal } from '../../helpers/cli-answers.ts';
import { sshKeygen, withSshKeygen } from '../../helpers/ssh-keygen.ts';
import { withTrustSite } from '../../helpers/trust-site.ts';

test('by principal, fingerprint, file and text: revoked with time, reason and name; the trusted keys stay as they are', async (t) => {
  await withTrustSite(async ({ trust, newKey, add, folder, list }) => {
    const [one, two, three] = [await newKey('one'), await newKey('two'), await newKey('three')];
    await add(one, 'alice');
    await add(two, 'alice');
    await add(three, 'carol');
    const file = path.join(folder, 'allowed_signers');
    const before = await readFile(file);
    const byName = await trust(['revoke', 'alice', '--reason', 'left the company', '--json']);
    t.is(byName.status, 0, byName.stderr);
    const report = trustRevokeReport.parse(JSON.parse(byName.stdout));
    t.deepEqual(
      report.keys.map(({ fingerprint }) => fingerprint),
      [one.fingerprint, two.fingerprint],
    );
    t.deepEqual(report.remaining, { principals: ['carol'], threshold: 1 });
    const last = await trust(['revoke', three.fingerprint, '--reason', 'lost']);
    t.is(last.status, 0, last.stderr);
    t.regex(last.stderr, /warning: one signer is wanted here, and nobody is left/);
    const text = await readFile(path.join(folder, 'revoked_keys'), 'utf8');
    t.true(text.startsWith(`# revoked 2026-11-23T05:00:00Z (alice): left the company\n${one.line}\n`), text);
    t.true(text.endsWith(`# revoked 2026-11-23T05:00:00Z (carol): lost\n${three.line}\n`), text);
    t.deepEqual(await readFile(file), before);
    t.deepEqual(
      (await list()).keys.map(({ status }) => status),
      ['revoked', 'revoked', 'revoked'],
    );
    for (const what of [one.fingerprint, one.publicFile, one.line, one.allowedLine, 'alice']) {
      const again = await trust(['revoke', what, '--reason', 'again']);
      t.is(again.status, 0, again.stderr);
      t.true(again.stderr.startsWith('Revoked already'), again.stderr);
    }
    t.is(await readFile(path.join(folder, 'revoked_keys'), 'utf8'), text);
  });
});

test('fewer are left than the policy wants: this is told at once', async (t) => {
  await withTrustSite(async ({ trust, newKey, add, policy }) => {
    const [one, two, three] = [await newKey('one'), await newKey('two'), await newKey('three')];
    await add(one, 'alice');
    await add(two, 'bob');
    await add(three, 'Bob');
    await policy({ threshold: 2 });
    const enough = await trust(['revoke', two.line, '--reason', 'old']);
    t.false(enough.stderr.includes('warning'), enough.stderr);
    const ran = await trust(['revoke', three.line, '--reason', 'old']);
    t.true(ran.stderr.includes('2 signers are wanted here, and only alice is left'), ran.stderr);
  });
});

test('a key that nobody trusts can be revoked by itself, not by its fingerprint', async (t) => {
  await withTrustSite(async ({ trust, newKey, folder }) => {
    const key = await newKey('stranger');
    const unknown = await trust(['revoke', key.fingerprint, '--reason', 'stolen']);
    t.is(unknown.status, 2);
    t.regex(unknown.stderr, /E_USAGE.*\nhint: .*public key itself/);
    t.is((await trust(['revoke', 'stranger', '--reason', 'stolen'])).status, 2);
    await t.throwsAsync(readdir(folder), { code: 'ENOENT' });
    t.is((await trust(['revoke', key.publicFile, '--reason', 'stolen'])).status, 0);
  });
});

test('on a terminal it asks, and no revokes nothing', async (t) => {
  await withTrustSite(async ({ newKey, add, env, folder }) => {
    const key = await newKey('one');
    await add(key, 'alice');
    const argv = ['trust', 'revoke', 'alice', '--reason', 'a test'];
    const question = `Add them to ${path.join(folder, 'revoked_keys')}? [y/N]`;
    const no = await onTerminal(argv, [[question, 'n\n']], { env });
    t.is(no.status, 0);
    t.true(no.stderr.includes('nobody is left') && no.stderr.includes('Nothing was revoked.'), no.stderr);
    t.deepEqual(await readdir(folder), ['allowed_signers']);
    t.is((await onTerminal([...argv, '--yes'], [], { env })).status, 0);
  });
});

test('a reason of no line or several, a private key, or a list with mistakes: nothing is written', async (t) => {
  await withTrustSite(async ({ trust, newKey, folder, add }) => {
    const key = await newKey('one');
    await add(key, 'alice');
    for (const reason of ['', ' ', 'a\nssh-ed25519 AAAA', 'x'.repeat(501), '\u202e']) {
      t.is((await trust(['revoke', 'alice', '--reason', reason])).status, 2, JSON.stringify(reason));
    }
    const secret = await trust(['revoke', key.file, '--reason', 'stolen']);
    t.true(secret.status === 2 && secret.stderr.includes('private key'), secret.stderr);
    t.deepEqual(await readdir(folder), ['allowed_signers']);
    const file = path.join(folder, 'revoked_keys');
    await writeFile(file, 'nonsense\n');
    const ran = await trust(['revoke', 'alice', '--reason', 'stolen']);
    t.is(ran.status, 2);
    t.true(ran.stderr.includes(`${file}:1: `), ran.stderr);
    t.is(await readFile(file, 'utf8'), 'nonsense\n');
  });
});

test('mistakes in the trusted keys do not keep a stolen key from being revoked', async (t) => {
  await withTrustSite(async ({ trust, newKey, add, folder }) => {
    const key = await newKey('one');
    await add(key, 'alice');
    await appendFile(path.join(folder, 'allowed_signers'), 'nonsense\n');
    const ran = await trust(['revoke', key.publicFile, '--reason', 'stolen']);
    t.is(ran.status, 0, ran.stderr);
    t.true(ran.stderr.includes('allowed_signers:2: '), ran.stderr);
  });
});

test('ssh-keygen reads the list, and takes no signature of a revoked key', async (t) => {
  await withSshKeygen(t, async () => {
    await withTrustSite(async ({ trust, newKey, add, at, folder }) => {
      const [one, two] = [await newKey('one'), await newKey('two')];
      await add(one, 'alice');
      await add(two, 'bob');
      await trust(['revoke', 'bob', '--reason', 'why, oh "why"']);
      const verify = (name: string, key: string): boolean => {
        sshKeygen(['-Y', 'sign', '-n', 'bundle@packferry', '-f', key, `${key}.pub`], { cwd: at() });
        const [allowed, revoked] = ['allowed_signers', 'revoked_keys'].map((file) => path.join(folder, file));
        const argv = ['-Y', 'verify', '-f', allowed ?? '', '-I', name, '-n', 'bundle@packferry'];
        return sshKeygen([...argv, '-r', revoked ?? '', '-s', `${key}.pub.sig`], {
          cwd: at(),
          input: `${name === 'alice' ? one.line : two.line}\n`,
        }).ok;
      };
      t.true(verify('alice', one.file));
      t.false(verify('bob', two.file));
    });
  });
});

test('list: both places with the one that counts, and what is wrong with each key', async (t) => {
  await withTrustSite(async ({ trust, newKey, add, policy, folder }) => {
    const keys = [await newKey('one'), await newKey('two'), await newKey('three'), await newKey('four')];
    const [good, stolen, later, other] = keys;
    if (!good || !stolen || !later || !other) return t.fail();
    await add(good, 'alice', ['--valid-before', '2030-01-01']);
    await add(stolen, 'bob');
    await add(later, 'carol', ['--valid-after', '2029-01-01']);
    await appendFile(
      path.join(folder, 'allowed_signers'),
      `dave valid-before="20260101Z" ${other.line}\nerin namespaces="git" ${other.line}\n`,
    );
    await policy({ threshold: 2, version: 7 });
    await trust(['revoke', 'bob', '--reason', 'stolen']);
    const { status, stdout, stderr } = await trust(['list', '--json']);
    t.is(status, 0, stderr);
    const [machine, own] = trustListReport.parse(JSON.parse(stdout)).places;
    t.like(machine, { folder: '/etc/packferry' });
    t.like(own, {
      folder,
      version: 7,
      threshold: 2,
      revokedKeys: 1,
      policy: path.join(folder, 'policy.json'),
    });
    t.deepEqual(
      own?.keys.map(({ principals, status: standing, line }) => [principals, standing, line]),
      [
        ['alice', 'good', 1],
        ['bob', 'revoked', 2],
        ['carol', 'not yet valid', 3],
        ['dave', 'expired', 4],
        ['erin', 'not for bundles', 5],
      ],
    );
    const text = await trust(['list']);
    t.regex(
      text.stdout,
      /alice +good +ssh-ed25519 +SHA256:\S+ +bundle@packferry +- +2030-01-01T00:00:00Z +allowed_signers:1/,
    );
    t.regex(text.stdout, /bob +revoked .*revoked by .*revoked_keys:2/);
    t.regex(text.stdout, /version 7, 2 signers wanted, 1 revoked key/);
  });
});

test('list: nobody is trusted yet, and a file with mistakes: both are said, the rest is listed', async (t) => {
  await withTrustSite(async ({ trust, newKey, add, folder }) => {
    const none = await trust(['list', '--user']);
    t.is(none.status, 0);
    t.true(none.stderr.includes('No key is trusted') && none.stderr.includes('packferry trust add'));
    await add(await newKey('one'), 'alice');
    await writeFile(path.join(folder, 'policy.json'), '{"schema": "packferry.policy/v1", "treshold": 2}');
    const ran = await trust(['list', '--user']);
    t.is(ran.status, 2);
    t.true(ran.stdout.includes('alice') && ran.stderr.includes('did you mean "threshold"?'), ran.stderr);
  });
});

test('that nobody is left is said once: with the question where there is one', async (t) => {
  await withTrustSite(async ({ env, newKey, add }) => {
    await add(await newKey('one'), 'alice');
    const words = ['trust', 'revoke', 'alice', '--reason', 'lost'];
    const asked = await onTerminal(words, [['[y/N]', 'y\n']], { env });
    t.is(asked.status, 0, asked.stderr);
    t.is(asked.stderr.split('nobody is left').length, 2, asked.stderr);
    t.regex(asked.stderr, /Wrote \S+revoked_keys\./);
  });
});
