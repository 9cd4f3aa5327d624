import { chmod, mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { allowedSignersLine } from '../../src/trust/allowed-signers-line.ts';
import { generateKeyPair, type KeyPairOptions } from '../../src/trust/keygen.ts';
import { writeKeyPair } from '../../src/trust/key-pair-files.ts';
import { readKeyFile } from '../../src/trust/key-file.ts';
import { openSigner } from '../../src/trust/signer.ts';
import { bundleNamespace } from '../../src/trust/verify.ts';
import { sshKeygen, withSshKeygen } from '../helpers/ssh-keygen.ts';
import { allowedBy, fault, message, newEd25519, verify, withTempDir } from './fixtures.ts';

const types = ['ed25519', 'ecdsa-p256'] as const;

for (const type of types) {
  test(`a new ${type} pair signs, verifies, and is what ssh-keygen reads`, (t) =>
    withTempDir(async (folder) => {
      const file = path.join(folder, 'key');
      const pair = await generateKeyPair({ type, comment: 'soc builder' });
      await writeKeyPair(file, pair);
      t.is((await stat(file)).mode & 0o777, 0o600);
      t.is((await stat(`${file}.pub`)).mode & 0o777, 0o644);
      t.is(await readFile(`${file}.pub`, 'utf8'), pair.publicKey);

      const signer = await openSigner(await readKeyFile(file));
      const signature = Buffer.from(await signer.sign(message, bundleNamespace));
      const { publicKey } = pair;
      const line = allowedSignersLine({ principal: 'soc-builder', publicKey, namespace: bundleNamespace });
      t.is(verify(signature, allowedBy(line)).fingerprint, pair.fingerprint);

      await withSshKeygen(t, async () => {
        const run = (args: readonly string[], input?: Buffer): string =>
          sshKeygen(args, { cwd: folder, input: input ?? '' }).stdout;
        t.is(run(['-y', '-f', 'key']), pair.publicKey);
        t.is(run(['-l', '-f', 'key.pub']).split(' ')[1], pair.fingerprint);
        await writeFile(path.join(folder, 'allowed'), `${line}\n`);
        await writeFile(
          path.join(folder, 'sig'),
          run(['-Y', 'sign', '-n', bundleNamespace, '-f', 'key'], message),
        );
        const args = [
          '-Y',
          'verify',
          '-f',
          'allowed',
          '-I',
          'soc-builder',
          '-n',
          bundleNamespace,
          '-s',
          'sig',
        ];
        t.regex(run(args, message), /^Good /);
        t.notRegex(run(args.with(7, 'file'), message), /^Good /);
      });
    }));

  test(`ssh-keygen opens a new encrypted ${type} pair with its passphrase only`, (t) =>
    withTempDir(async (folder) => {
      const passphrase = 'pässword with spaces';
      const pair = await generateKeyPair({ type, comment: '', passphrase });
      await writeKeyPair(path.join(folder, 'key'), pair);
      const signer = await openSigner(await readKeyFile(path.join(folder, 'key')), () =>
        Promise.resolve(passphrase),
      );
      t.is(signer.fingerprint, pair.fingerprint);
      await withSshKeygen(t, () => {
        const open = (text: string): string =>
          sshKeygen(['-y', '-P', text, '-f', 'key'], { cwd: folder }).stdout.trim();
        t.is(open(passphrase), signer.publicKey);
        t.is(open('wrong'), '');
      });
    }));
}

test('every new Ed25519 pair can be opened: those with a leading zero too', async (t) => {
  for (let count = 0; count < 300; count += 1) {
    const pair = await generateKeyPair({ type: 'ed25519', comment: '' });
    const signer = await openSigner({ name: 'key', text: Buffer.from(pair.privateKey) });
    t.is(`${signer.publicKey}\n`, pair.publicKey);
  }
});

const isRefused = test.macro({
  exec: async (t, options: Partial<KeyPairOptions>) => {
    await t.throwsAsync(generateKeyPair({ type: 'ed25519', comment: '', ...options }), fault('E_USAGE'));
  },
  title: (given) => `no new pair: ${given ?? ''}`,
});

test('a comment of two lines', isRefused, { comment: 'a\nb' });
test('a comment with an escape', isRefused, { comment: '\u001b[31m' });
test('an empty passphrase', isRefused, { passphrase: '' });

const pair = { privateKey: 'private\n', publicKey: 'public\n' };

test('an existing private key is never overwritten', (t) =>
  withTempDir(async (folder) => {
    await writeFile(path.join(folder, 'key'), 'old');
    await t.throwsAsync(writeKeyPair(path.join(folder, 'key'), pair), fault('E_OUTPUT_EXISTS'));
    t.is(await readFile(path.join(folder, 'key'), 'utf8'), 'old');
    t.deepEqual(await readdir(folder), ['key']);
  }));

test('an existing public key is never overwritten, and no private key is left alone', (t) =>
  withTempDir(async (folder) => {
    await writeFile(path.join(folder, 'key.pub'), 'old');
    await t.throwsAsync(writeKeyPair(path.join(folder, 'key'), pair), fault('E_OUTPUT_EXISTS'));
    t.is(await readFile(path.join(folder, 'key.pub'), 'utf8'), 'old');
    t.deepEqual(await readdir(folder), ['key.pub']);
  }));

test('a key file must be a readable private key of one person', (t) =>
  withTempDir(async (folder) => {
    const file = path.join(folder, 'key');
    const unreadable = fault('E_KEY_UNREADABLE');
    await writeKeyPair(file, await generateKeyPair({ type: 'ed25519', comment: '' }));
    t.is((await readKeyFile(file)).name, file);
    await t.throwsAsync(readKeyFile(`${file}.pub`), { ...unreadable, message: /public key/ });
    await t.throwsAsync(readKeyFile(path.join(folder, 'absent')), unreadable);
    await mkdir(path.join(folder, 'folder'));
    await t.throwsAsync(readKeyFile(path.join(folder, 'folder')), unreadable);
    await writeFile(path.join(folder, 'large'), Buffer.alloc(64 * 1024 + 1), { mode: 0o600 });
    await t.throwsAsync(readKeyFile(path.join(folder, 'large')), unreadable);
    for (const mode of [0o640, 0o604, 0o660]) {
      await chmod(file, mode);
      await t.throwsAsync(readKeyFile(file), unreadable, `mode ${mode.toString(8)}`);
    }
    await chmod(file, 0o400);
    t.is((await readKeyFile(file)).name, file);
    // To close a file that holds no secret would be bad advice.
    const other = path.join(folder, 'allowed_signers');
    await writeFile(other, 'soc ssh-ed25519 AAAA\n', { mode: 0o644 });
    const { name, text } = await readKeyFile(other);
    const error = await t.throwsAsync(openSigner({ name, text }), unreadable);
    t.regex(error.message, /allowed_signers: no readable private key/);
  }));

const { line: publicKey } = newEd25519();

test('the line of a key keeps its comment and reads as written', (t) => {
  const namespace = 'bundle@packferry';
  const line = allowedSignersLine({
    principal: 'soc@example.com',
    publicKey: `${publicKey} me\n`,
    namespace,
  });
  t.is(line, `soc@example.com namespaces="bundle@packferry" ${publicKey} me`);
  t.is(allowedBy(line).signers[0]?.key.comment, 'me');
});

const noLine = test.macro({
  exec: (t, principal: string) => {
    t.throws(() => allowedSignersLine({ principal, publicKey, namespace: 'a' }), fault('E_USAGE'));
  },
  title: (given) => `no principal: ${given ?? ''}`,
});

test('nothing', noLine, '');
test('a space', noLine, 'soc builder');
test('a tab', noLine, 'soc\tbuilder');
test('a line feed', noLine, 'soc\nbuilder');
test('a quote', noLine, 'soc"builder');
test('a comma', noLine, 'soc,builder');
test('a wildcard', noLine, 'soc*');
test('an exclusion', noLine, '!soc');
test('a comment sign at the start', noLine, '#soc');
test('a letter that turns the text round', noLine, 'soc\u202ebuilder');
test('a space that is wider', noLine, 'soc\u2003builder');

test('a malformed public key gives no line', (t) => {
  const unreadable = fault('E_KEY_UNREADABLE');
  for (const text of ['', 'ssh-ed25519', publicKey.slice(0, -4), `${publicKey}\n${publicKey}`]) {
    t.throws(() => allowedSignersLine({ principal: 'a', publicKey: text, namespace: 'a' }), unreadable);
  }
});

test('the folder of a key is made for its user alone, as ~/.ssh of a new account; no other folder is', (t) =>
  withTempDir(async (home) => {
    const pair = await generateKeyPair({ type: 'ed25519', comment: 'c' });
    await writeKeyPair(path.join(home, '.ssh', 'packferry'), pair);
    t.is((await stat(path.join(home, '.ssh'))).mode & 0o777, 0o700);
    const far = path.join(home, 'a', 'b', 'key');
    await t.throwsAsync(writeKeyPair(far, pair), fault('E_OUTPUT_UNWRITABLE'));
  }));
