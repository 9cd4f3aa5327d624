import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import type { ErrorCode } from '../../src/core/errors.ts';
import { generateKeyPair } from '../../src/trust/keygen.ts';
import { readKeyFile } from '../../src/trust/key-file.ts';
import { openSigner } from '../../src/trust/signer.ts';
import { bundleNamespace } from '../../src/trust/verify.ts';
import { wireMpint, wireString, wireUint32 } from '../../src/core/ssh-keys/wire.ts';
import { sshKeygen, withSshKeygen } from '../helpers/ssh-keygen.ts';
import { allowedBy, fault, message, verify, withTempDir } from './fixtures.ts';
import { certify } from './certificates.ts';
import { newEd25519, newP256, newRsa, newSkEd25519, type TestKey } from './keys.ts';

const passphrase = 'correct horse';
const ask = (): Promise<string> => Promise.resolve(passphrase);

interface EnvelopeParts {
  readonly cipher: string;
  readonly kdf: string;
  readonly kdfOptions: Buffer;
  readonly keys: number;
  readonly publicKey: Buffer;
  readonly checks: readonly [number, number];
  readonly secret: Buffer;
  readonly padding: Buffer;
  readonly tail: Buffer;
}

const nothing = Buffer.alloc(0);

/** The private fields of a key, as PROTOCOL.key lists them. */
function secretOf(key: TestKey): Buffer {
  const { d = '' } = key.privateKey.export({ format: 'jwk' });
  const secret = Buffer.from(d, 'base64url');
  const point = key.blob.subarray(-32);
  return key.type.name === 'ssh-ed25519'
    ? Buffer.concat([key.type.name, point, Buffer.concat([secret, point])].map(wireString))
    : Buffer.concat([key.blob, wireMpint(secret)]);
}

/** An unencrypted private key file, with some parts forged. */
function keyFile(key: TestKey, changes: Partial<EnvelopeParts> = {}): Buffer {
  const parts: EnvelopeParts = {
    cipher: 'none',
    kdf: 'none',
    kdfOptions: nothing,
    keys: 1,
    publicKey: key.blob,
    checks: [7, 7],
    secret: secretOf(key),
    padding: nothing,
    tail: nothing,
    ...changes,
  };
  const sealed = Buffer.concat([
    ...parts.checks.map(wireUint32),
    parts.secret,
    wireString('a comment'),
    parts.padding,
  ]);
  const bytes = Buffer.concat([
    Buffer.from('openssh-key-v1\0'),
    ...[parts.cipher, parts.kdf, parts.kdfOptions].map(wireString),
    wireUint32(parts.keys),
    ...[parts.publicKey, sealed].map(wireString),
    parts.tail,
  ]);
  return armor(bytes.toString('base64'));
}

function armor(body: string): Buffer {
  return Buffer.from(`-----BEGIN OPENSSH PRIVATE KEY-----\n${body}\n-----END OPENSSH PRIVATE KEY-----\n`);
}

async function signsAs(t: ExecutionContext, key: TestKey, text: Buffer): Promise<void> {
  const signer = await openSigner({ name: 'key', text });
  const signature = Buffer.from(await signer.sign(message, bundleNamespace));
  t.is(verify(signature, allowedBy(`builder ${key.line}`)).fingerprint, signer.fingerprint);
  t.is(signer.publicKey, key.line);
  t.is(signer.keyType, key.type.name);
  t.is(signer.comment, 'a comment');
}

/** Draws keys until one has the property; one in 256 has a leading zero. */
function draw(make: () => TestKey, isWanted: (key: TestKey) => boolean): TestKey {
  for (;;) {
    const key = make();
    if (isWanted(key)) return key;
  }
}

const startsWithZero = (text: string | undefined): boolean => Buffer.from(text ?? '', 'base64url')[0] === 0;
const secretStartsWithZero = ({ privateKey }: TestKey): boolean =>
  startsWithZero(privateKey.export({ format: 'jwk' }).d);

test('an Ed25519 key file signs', (t) => {
  const key = newEd25519();
  return signsAs(t, key, keyFile(key));
});

test('a P-256 key file signs', (t) => {
  const key = newP256();
  return signsAs(t, key, keyFile(key));
});

test('a file with CRLF lines signs', (t) => {
  const key = newEd25519();
  return signsAs(t, key, Buffer.from(keyFile(key).toString().replaceAll('\n', '\r\n')));
});

test('a P-256 secret with a leading zero signs', (t) => {
  const key = draw(newP256, secretStartsWithZero);
  return signsAs(t, key, keyFile(key));
});

test('an Ed25519 public key with a leading zero signs', (t) => {
  const key = draw(newEd25519, ({ blob }) => blob.at(-32) === 0);
  return signsAs(t, key, keyFile(key));
});

test('an Ed25519 signature is the same each time', async (t) => {
  const signer = await openSigner({ name: 'key', text: keyFile(newEd25519()) });
  t.is(await signer.sign(message, 'a'), await signer.sign(message, 'a'));
  t.not(await signer.sign(message, 'a'), await signer.sign(message, 'b'));
});

test('a signature without a namespace is refused', async (t) => {
  const signer = await openSigner({ name: 'key', text: keyFile(newEd25519()) });
  await t.throwsAsync(signer.sign(message, ''), fault('E_USAGE'));
});

test('the passphrase of a plain key is not asked for', async (t) => {
  const signer = await openSigner({ name: 'key', text: keyFile(newEd25519()) }, () => {
    throw new Error('asked');
  });
  t.is(signer.keyType, 'ssh-ed25519');
});

const isRefused = test.macro({
  exec: async (t, code: ErrorCode, text: () => Buffer | string) => {
    await t.throwsAsync(openSigner({ name: 'key', text: Buffer.from(text()) }, ask), fault(code));
  },
  title: (given) => `refused: ${given ?? ''}`,
});

const pem = (type: 'pkcs8' | 'sec1', key: KeyObject): string =>
  key.export({ format: 'pem', type }).toString();
const ed = newEd25519();
const ec = newP256();
const bcrypt = (rounds: number): Buffer => Buffer.concat([wireString(Buffer.alloc(16)), wireUint32(rounds)]);

test('a security key', isRefused, 'E_KEY_UNSUPPORTED', () => keyFile(ed, { publicKey: newSkEd25519().blob }));
test('a certificate for a public half', isRefused, 'E_KEY_UNREADABLE', () =>
  keyFile(ed, { publicKey: certify(ed, newP256()).blob }),
);
test('the public half of an RSA key', isRefused, 'E_KEY_UNREADABLE', () =>
  keyFile(ed, { publicKey: newRsa().blob }),
);
test('PKCS#8', isRefused, 'E_KEY_UNSUPPORTED', () => pem('pkcs8', ed.privateKey));
test('an EC key in PEM', isRefused, 'E_KEY_UNSUPPORTED', () => pem('sec1', ec.privateKey));
test('an encrypted PKCS#8 key', isRefused, 'E_KEY_UNSUPPORTED', () =>
  ed.privateKey.export({ format: 'pem', type: 'pkcs8', cipher: 'aes-256-cbc', passphrase }),
);
test('an RSA key in PEM', isRefused, 'E_KEY_UNSUPPORTED', () =>
  generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey.export({ format: 'pem', type: 'pkcs1' }),
);
test('a PuTTY key', isRefused, 'E_KEY_UNSUPPORTED', () => 'PuTTY-User-Key-File-3: ssh-ed25519\n');
test('a cipher that is not known', isRefused, 'E_KEY_UNSUPPORTED', () =>
  keyFile(ed, { cipher: 'chacha20-poly1305@openssh.com', kdf: 'bcrypt', kdfOptions: bcrypt(16) }),
);
test('an empty file', isRefused, 'E_KEY_UNREADABLE', () => '');
test('some text', isRefused, 'E_KEY_UNREADABLE', () => 'no key\n');
test('a public key', isRefused, 'E_KEY_UNREADABLE', () => `${ed.line}\n`);
test('a certificate in PEM', isRefused, 'E_KEY_UNREADABLE', () => '-----BEGIN CERTIFICATE-----\n');
test('no END line', isRefused, 'E_KEY_UNREADABLE', () => keyFile(ed).subarray(0, -10));
test('text after END', isRefused, 'E_KEY_UNREADABLE', () => `${keyFile(ed).toString()}more`);
test('loose base64', isRefused, 'E_KEY_UNREADABLE', () => armor('b3BlbnNzaC1rZXk=='));
test('a wrong magic', isRefused, 'E_KEY_UNREADABLE', () => armor(Buffer.alloc(100).toString('base64')));
test('bytes left over', isRefused, 'E_KEY_UNREADABLE', () => keyFile(ed, { tail: Buffer.of(0) }));
test('no key', isRefused, 'E_KEY_UNREADABLE', () => keyFile(ed, { keys: 0 }));
test('two keys', isRefused, 'E_KEY_UNREADABLE', () => keyFile(ed, { keys: 2 }));
test('unequal check numbers', isRefused, 'E_KEY_UNREADABLE', () => keyFile(ed, { checks: [7, 8] }));
test('wrong padding', isRefused, 'E_KEY_UNREADABLE', () => keyFile(ed, { padding: Buffer.of(2, 1) }));
test('an unknown key derivation', isRefused, 'E_KEY_UNREADABLE', () => keyFile(ed, { kdf: 'scrypt' }));
test('a key derivation without a cipher', isRefused, 'E_KEY_UNREADABLE', () =>
  keyFile(ed, { kdf: 'bcrypt', kdfOptions: bcrypt(16) }),
);
test('a cipher without a key derivation', isRefused, 'E_KEY_UNREADABLE', () =>
  keyFile(ed, { cipher: 'aes256-ctr' }),
);
test('rounds that would take days', isRefused, 'E_KEY_UNREADABLE', () =>
  keyFile(ed, { cipher: 'aes256-ctr', kdf: 'bcrypt', kdfOptions: bcrypt(0xffffffff) }),
);
test('the public half of another key', isRefused, 'E_KEY_UNREADABLE', () =>
  keyFile(ed, { publicKey: newEd25519().blob }),
);
test('the public half of another P-256 key', isRefused, 'E_KEY_UNREADABLE', () =>
  keyFile(ec, { publicKey: newP256().blob }),
);
test('halves of different types', isRefused, 'E_KEY_UNREADABLE', () => keyFile(ed, { publicKey: ec.blob }));
test('a secret that is zero', isRefused, 'E_KEY_UNREADABLE', () =>
  keyFile(ec, { secret: Buffer.concat([ec.blob, wireMpint(Buffer.alloc(32))]) }),
);
test('a secret of 40 bytes', isRefused, 'E_KEY_UNREADABLE', () =>
  keyFile(ec, { secret: Buffer.concat([ec.blob, wireMpint(Buffer.alloc(40, 1))]) }),
);

test('an encrypted key wants its passphrase, and only the right one', async (t) => {
  const pair = await generateKeyPair({ type: 'ed25519', comment: '', passphrase });
  const file = { name: 'key', text: Buffer.from(pair.privateKey) };
  t.is((await openSigner(file, ask)).fingerprint, pair.fingerprint);
  const passphraseFault = fault('E_KEY_PASSPHRASE');
  await t.throwsAsync(openSigner(file), passphraseFault);
  await t.throwsAsync(
    openSigner(file, () => Promise.resolve('')),
    passphraseFault,
  );
  const error = await t.throwsAsync(
    openSigner(file, () => Promise.resolve('hunter2')),
    passphraseFault,
  );
  t.false(JSON.stringify([error.message, error.stack, String(error.cause)]).includes('hunter2'));
});

const ciphers = [
  'aes128-ctr',
  'aes192-ctr',
  'aes128-cbc',
  'aes192-cbc',
  'aes256-ctr',
  'aes256-cbc',
  'aes128-gcm@openssh.com',
  'aes256-gcm@openssh.com',
];
const madeBySshKeygen = [
  ['ed25519', undefined],
  ['ecdsa', undefined],
  ['ecdsa -b 384', undefined],
  ['ecdsa -b 521', undefined],
  ['rsa -b 2048', undefined],
  ['rsa -b 3072', 'aes256-gcm@openssh.com'],
  ...ciphers.map((cipher) => ['ed25519', cipher] as const),
  ['ecdsa', 'aes256-ctr'],
] as const;

for (const [type, cipher] of madeBySshKeygen) {
  test(`ssh-keygen verifies what its ${type} key signs here (${cipher ?? 'not encrypted'})`, (t) =>
    withSshKeygen(t, () =>
      withTempDir(async (folder) => {
        const sealing = cipher === undefined ? ['-N', ''] : ['-N', passphrase, '-Z', cipher, '-a', '4'];
        sshKeygen(['-q', '-t', ...type.split(' '), ...sealing, '-C', 'me@here', '-f', 'key'], {
          cwd: folder,
        });
        const signer = await openSigner(await readKeyFile(path.join(folder, 'key')), ask);
        const listed = sshKeygen(['-l', '-f', 'key.pub'], { cwd: folder }).stdout.split(' ');
        t.is(listed[1], signer.fingerprint);
        t.is(signer.comment, 'me@here');
        t.is(`${signer.publicKey} me@here\n`, await readFile(path.join(folder, 'key.pub'), 'utf8'));

        await writeFile(path.join(folder, 'sig'), await signer.sign(message, bundleNamespace));
        await writeFile(path.join(folder, 'allowed'), `me ${signer.publicKey}\n`);
        const args = ['-Y', 'verify', '-f', 'allowed', '-I', 'me', '-n', bundleNamespace, '-s', 'sig'];
        t.true(sshKeygen(args, { cwd: folder, input: message }).ok);
        t.false(sshKeygen(args, { cwd: folder, input: 'other' }).ok);
      }),
    ));
}

for (const type of ['ed25519', 'ecdsa', 'ecdsa -b 384', 'ecdsa -b 521', 'rsa -b 2048']) {
  test(`what ssh-keygen signs with an ${type} key is verified here`, (t) =>
    withSshKeygen(t, () =>
      withTempDir(async (folder) => {
        sshKeygen(['-q', '-t', ...type.split(' '), '-N', '', '-C', '', '-f', 'key'], { cwd: folder });
        const args = ['-Y', 'sign', '-n', bundleNamespace, '-f', 'key'];
        const { stdout } = sshKeygen(args, { cwd: folder, input: message });
        const signer = await openSigner(await readKeyFile(path.join(folder, 'key')));
        const allowed = allowedBy(`me ${signer.publicKey}`);
        t.is(verify(Buffer.from(stdout), allowed).fingerprint, signer.fingerprint);

        const sha256 = sshKeygen([...args, '-O', 'hashalg=sha256'], { cwd: folder, input: message });
        t.is(verify(Buffer.from(sha256.stdout), allowed).principal, 'me');
        if (/^(ed25519|rsa)/.test(type)) t.is(await signer.sign(message, bundleNamespace), stdout);
      }),
    ));
}
