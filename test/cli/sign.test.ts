import { readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { addSignature } from '../../src/bundle/add-signature.ts';
import { signReport } from '../../src/schema/reports-sign.ts';
import { withFolder } from '../helpers/bundle-fixture.ts';
import { onTerminal } from '../helpers/cli-answers.ts';
import { runCli } from '../helpers/cli-run.ts';
import { contentOf, refused, withSigners, type SignersSite } from '../helpers/cli-signers.ts';

interface Signing extends SignersSite {
  /** `sign` of the bundle with a key, by the trusted keys of alice and bob. */
  readonly signingBy: (key: string, trusted?: string) => readonly string[];
}

/** Runs with a bundle that alice has signed. */
function withSigned(t: ExecutionContext, use: (site: Signing) => Promise<void>): Promise<void> {
  return withSigners(async (site) => {
    const made = await runCli(site.exportBy(site.alice));
    t.is(made.status, 0, made.stderr);
    const signingBy = (key: string, trusted = site.both): readonly string[] => [
      'sign',
      site.bundle,
      '--key',
      key,
      '--trusted-keys',
      trusted,
    ];
    await use({ ...site, signingBy });
  });
}

test('a second person adds a signature to a bundle that was refused without it; nothing else changes', (t) =>
  withSigned(t, async ({ bob, bundle, verifying, signingBy }) => {
    const words = await refused(t, verifying, 'E_THRESHOLD', 4);
    t.regex(words, /asks for the signatures of 2 principals, and 1 has signed: "alice" \(SHA256:/);
    t.regex(words, /these can sign too: "bob"/);
    const before = await contentOf(bundle);
    const ran = await runCli([...signingBy(bob), '--yes', '--json']);
    t.is(ran.status, 0, ran.stderr);
    const report = signReport.parse(JSON.parse(ran.stdout));
    t.deepEqual([report.signers[0]?.principal, report.added?.principal], ['alice', 'bob']);
    t.is(report.added?.file, 'SHA256SUMS.2.sig');
    t.is(before['SHA256SUMS'], report.sumsSha256);
    t.is(report.images.length, 3);
    const { 'SHA256SUMS.2.sig': added, ...rest } = await contentOf(bundle);
    t.truthy(added);
    t.deepEqual(rest, before);
    t.is((await runCli(verifying)).status, 0);
  }));

test('sign shows what is vouched for and asks: n, Ctrl-C and the end of input sign nothing, y does', (t) =>
  withSigned(t, async ({ bob, bundle, signingBy }) => {
    const before = await contentOf(bundle);
    for (const [answer, status] of [
      ['n\n', 0],
      ['\u0004', 0],
      ['\u0003', 130],
    ] as const) {
      const no = await onTerminal(signingBy(bob), [['Sign it?', answer]]);
      t.is(no.status, status, no.stderr);
      t.deepEqual(await contentOf(bundle), before);
    }
    const yes = await onTerminal(signingBy(bob), [['Sign it?', 'y\n']]);
    t.is(yes.status, 0, yes.stderr);
    t.regex(yes.stderr, /soc [0-9]+ of 2026-11-23T05:00:00Z: 3 images, .* All of it was verified\./);
    t.regex(yes.stderr, /docker\.io\/demisto\/crypto:1\.0\.0\.1 +sha256:[0-9a-f]{64}\n/);
    t.true(yes.stderr.includes(`sha256 of SHA256SUMS: ${before['SHA256SUMS'] ?? ''}`));
    t.regex(yes.stderr, /Signed by alice \(SHA256:.*\)\.\nYou sign as bob \(SHA256:/);
  }));

test('nobody signs by accident: without a terminal it takes --yes', (t) =>
  withSigned(t, async ({ bob, bundle, signingBy }) => {
    const before = await contentOf(bundle);
    await refused(t, signingBy(bob), 'E_USAGE', 2);
    t.deepEqual(await contentOf(bundle), before);
  }));

test('a signature that would not count is not made: same key, same principal, not listed, revoked, out of its time', (t) =>
  withSigned(t, async ({ at, alice, bob, both, bundle, writeSigner, signingBy }) => {
    const before = await contentOf(bundle);
    const trusted = await readFile(both, 'utf8');
    const signing = (key: string, keys?: string): readonly string[] => [...signingBy(key, keys), '--yes'];
    t.regex(await refused(t, signing(alice), 'E_SIGNED_ALREADY', 2), /^the key SHA256:\S+ has signed/);

    await writeFile(at('more'), trusted + (await writeSigner('alice2', 'alice')));
    const second = await refused(t, signing(at('alice2'), at('more')), 'E_SIGNED_ALREADY', 2);
    t.regex(second, /^the principal "alice" has signed this bundle already, with the key SHA256:/);

    await writeSigner('eve', 'eve');
    t.regex(await refused(t, signing(at('eve')), 'E_KEY_NOT_VALID', 2), /is not trusted by .*not listed/);

    const revoking = [...signing(bob), '--revoked-keys', `${bob}.pub`];
    t.regex(await refused(t, revoking, 'E_KEY_NOT_VALID', 2), /it is revoked/);

    const ended = trusted.replace('bob namespaces', 'bob valid-before="20260101Z",namespaces');
    await writeFile(at('ended'), ended);
    t.regex(await refused(t, signing(bob, at('ended')), 'E_KEY_NOT_VALID', 2), /until 2026-01-01/);
    t.deepEqual(await contentOf(bundle), before);
  }));

test('a bundle is verified in full before it is signed: no second signature under what was changed or is not trusted', (t) =>
  withSigned(t, async ({ at, bob, bundle, signingBy }) => {
    await writeFile(
      at('only-bob'),
      await readFile(at('both'), 'utf8').then((text) => text.replace(/^.*\n/, '')),
    );
    const signing = [...signingBy(bob), '--yes'];
    await refused(t, [...signingBy(bob, at('only-bob')), '--yes'], 'E_SIGNER_UNTRUSTED', 4);
    const archive = path.join(bundle, 'images-001.tar');
    const bytes = await readFile(archive);
    const middle = bytes.length >> 1;
    bytes.writeUInt8(bytes.readUInt8(middle) ^ 1, middle);
    await writeFile(archive, bytes);
    await refused(t, signing, 'E_DIGEST_MISMATCH', 4);
    t.false((await readdir(bundle)).includes('SHA256SUMS.2.sig'));
  }));

test('a signature takes the next number that is free, and nothing is overwritten', (t) =>
  withFolder(async (dir) => {
    await writeFile(path.join(dir, 'SHA256SUMS.sig'), 'one');
    await writeFile(path.join(dir, 'SHA256SUMS.3.sig'), 'three');
    t.is(await addSignature(dir, 'two'), 'SHA256SUMS.2.sig');
    t.is(await addSignature(dir, 'four'), 'SHA256SUMS.4.sig');
    t.is(await readFile(path.join(dir, 'SHA256SUMS.3.sig'), 'utf8'), 'three');
  }));

test('two who sign at the same time get a number each', (t) =>
  withFolder(async (dir) => {
    const texts = Array.from({ length: 20 }, (_, index) => `signature ${index}`);
    const names = await Promise.all(texts.map((text) => addSignature(dir, text)));
    t.is(new Set(names).size, texts.length);
    t.deepEqual((await readdir(dir)).sort(), [...names].sort());
    for (const [index, name] of names.entries())
      t.is(texts[index], await readFile(path.join(dir, name), 'utf8'));
  }));

test('a signature that cannot be written leaves nothing behind, and says where to sign', async (t) => {
  await t.throwsAsync(() => addSignature('/proc', 'x'), { code: 'E_OUTPUT_UNWRITABLE' });
});
