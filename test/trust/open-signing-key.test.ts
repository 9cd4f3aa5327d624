import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { PackferryError } from '../../src/core/errors.ts';
import { openSigningKey, type SigningKeyOptions } from '../../src/trust/open-signing-key.ts';
import { bundleNamespace } from '../../src/trust/verify.ts';
import { WireReader, wireString, wireUint32 } from '../../src/core/ssh-keys/wire.ts';
import { sshKeygen, withSshKeygen } from '../helpers/ssh-keygen.ts';
import { writeExecutable } from '../helpers/system-exec.ts';
import { allowedBy, fault, message, verify, withTempDir } from './fixtures.ts';
import { newEd25519, newSkEd25519, newSkP256, type TestKey } from './keys.ts';
import { addToAgent, withAgent, withScriptedAgent } from './ssh-agent.ts';

const without: SigningKeyOptions = { env: { PATH: process.env['PATH'] }, isInteractive: false };
const withSocket = (socket: string): SigningKeyOptions => ({
  ...without,
  env: { ...without.env, SSH_AUTH_SOCK: socket },
});

function makeKey(folder: string, ...args: readonly string[]): void {
  sshKeygen(['-q', '-N', '', '-C', 'me@here', '-f', 'key', ...args], { cwd: folder });
}

function certifyKey(folder: string): void {
  sshKeygen(['-q', '-t', 'ed25519', '-N', '', '-C', '', '-f', 'ca'], { cwd: folder });
  sshKeygen(['-q', '-s', 'ca', '-I', 'the builder', '-n', 'builder', 'key.pub'], { cwd: folder });
}

async function signsAs(t: ExecutionContext, file: string, options: SigningKeyOptions): Promise<void> {
  const signer = await openSigningKey(file, options);
  const signature = Buffer.from(await signer.sign(message, bundleNamespace));
  const line = `builder ${signer.publicKey}`;
  t.is(verify(signature, allowedBy(line)).fingerprint, signer.fingerprint);
  t.is(signer.comment, 'me@here');
}

const withRealAgent = (t: ExecutionContext, body: Parameters<typeof withAgent>[1]): Promise<void> =>
  withSshKeygen(t, () => withAgent(t, body));

for (const type of ['ed25519', 'ecdsa', 'ecdsa -b 384', 'ecdsa -b 521', 'rsa -b 2048']) {
  test(`an ssh-agent signs with an ${type} key, of which only the public half lies here`, (t) =>
    withRealAgent(t, async ({ socket, folder }) => {
      makeKey(folder, '-t', ...type.split(' '));
      t.true(addToAgent(socket, path.join(folder, 'key')));
      await rename(path.join(folder, 'key'), path.join(folder, 'gone'));
      await signsAs(t, path.join(folder, 'key.pub'), withSocket(socket));
    }));
}

test('a certificate signs by the agent that holds its key, and by the key file beside it', (t) =>
  withRealAgent(t, async ({ socket, folder }) => {
    makeKey(folder, '-t', 'ecdsa');
    certifyKey(folder);
    const file = path.join(folder, 'key-cert.pub');
    const authority = sshKeygen(['-y', '-f', 'ca'], { cwd: folder }).stdout.trim();
    const allowed = allowedBy(`* cert-authority ${authority}`);
    const byFile = await openSigningKey(file, without);
    t.true(addToAgent(socket, path.join(folder, 'key')));
    await rename(path.join(folder, 'key'), path.join(folder, 'gone'));
    const byAgent = await openSigningKey(file, withSocket(socket));
    for (const signer of [byFile, byAgent]) {
      t.is(signer.keyType, 'ecdsa-sha2-nistp256-cert-v01@openssh.com');
      const signature = await signer.sign(message, bundleNamespace);
      const found = verify(Buffer.from(signature), allowed, new Date());
      t.is(found.principal, 'builder');
      t.is(found.fingerprint, signer.fingerprint);
      await writeFile(path.join(folder, 'sig'), signature);
      await writeFile(path.join(folder, 'allowed'), `* cert-authority ${authority}\n`);
      const args = ['-Y', 'verify', '-f', 'allowed', '-I', 'builder', '-n', bundleNamespace, '-s', 'sig'];
      t.true(sshKeygen(args, { cwd: folder, input: message }).ok);
    }
  }));

test('a public key without an agent is as good as the private key beside it', (t) =>
  withSshKeygen(t, () =>
    withTempDir(async (folder) => {
      makeKey(folder, '-t', 'ed25519');
      await signsAs(t, path.join(folder, 'key.pub'), without);
    }),
  ));

test('a key that nobody holds is told, with what was looked at', (t) =>
  withRealAgent(t, async ({ socket, folder }) => {
    await writeFile(path.join(folder, 'key.pub'), `${newEd25519().line}\n`);
    const file = path.join(folder, 'key.pub');
    const unavailable = fault('E_KEY_UNAVAILABLE');
    const lacking = await t.throwsAsync(openSigningKey(file, withSocket(socket)), unavailable);
    t.regex(lacking.message, /agent lacks it/);
    const alone = await t.throwsAsync(openSigningKey(file, without), unavailable);
    t.regex(alone.message, /SSH_AUTH_SOCK/);
    await t.throwsAsync(openSigningKey(file, withSocket(path.join(folder, 'absent'))), unavailable);
  }));

test('the private key of another public key is not used in its place', (t) =>
  withSshKeygen(t, () =>
    withTempDir(async (folder) => {
      makeKey(folder, '-t', 'ed25519');
      await writeFile(path.join(folder, 'key.pub'), `${newEd25519().line}\n`);
      await t.throwsAsync(openSigningKey(path.join(folder, 'key.pub'), without), fault('E_KEY_UNREADABLE'));
    }),
  ));

const keysAnswer = (...keys: readonly TestKey[]): Buffer =>
  Buffer.concat([
    Buffer.of(12),
    wireUint32(keys.length),
    ...keys.flatMap(({ blob }) => [wireString(blob), wireString('me@here')]),
  ]);

/** Lists the key and signs with it, as the request says. */
function honest(key: TestKey, change: (signature: Buffer) => Buffer = (made) => made) {
  return (request: Buffer): Buffer => {
    if (request[0] === 11) return keysAnswer(key);
    const reader = new WireReader(request.subarray(1), (reason) => new PackferryError('E_INTERNAL', reason));
    reader.string('key');
    return Buffer.concat([Buffer.of(14), wireString(change(key.sign(reader.string('data'))))]);
  };
}

async function askScripted(
  key: TestKey,
  answer: (request: Buffer) => Buffer | undefined,
  body: (file: string, options: SigningKeyOptions) => Promise<void>,
): Promise<void> {
  await withTempDir((folder) =>
    withScriptedAgent(
      (request, socket) => {
        const bytes = answer(request);
        if (bytes === undefined) socket.destroy();
        else socket.write(wireString(bytes));
      },
      async (socket) => {
        const file = path.join(folder, 'key.pub');
        await writeFile(file, `${key.line} me@here\n`);
        await body(file, withSocket(socket));
      },
    ),
  );
}

for (const key of [newSkEd25519(), newSkP256()]) {
  test(`a security key signs by an agent: ${key.type.name}`, (t) =>
    askScripted(key, honest(key), (file, options) => signsAs(t, file, options)));
}

test('a security key that nobody touched does not sign', async (t) => {
  const key = newSkEd25519({ flags: 0 });
  await askScripted(key, honest(key), async (file, options) => {
    const signer = await openSigningKey(file, options);
    await t.throwsAsync(signer.sign(message, bundleNamespace), fault('E_KEY_UNAVAILABLE'));
  });
});

const isRefused = test.macro({
  exec: async (t, answer: (request: Buffer) => Buffer | undefined) => {
    await askScripted(spare, answer, async (file, options) => {
      const signing = openSigningKey(file, options).then((signer) => signer.sign(message, bundleNamespace));
      await t.throwsAsync(signing, fault('E_KEY_UNAVAILABLE'));
    });
  },
  title: (given) => `an agent is not believed: ${given ?? ''}`,
});

const spare = newEd25519();
test(
  'a wrong signature',
  isRefused,
  honest(spare, (made) => Buffer.concat([made.subarray(0, -1), Buffer.of((made.at(-1) ?? 0) ^ 1)])),
);
test('the signature of another key', isRefused, (request) =>
  request[0] === 11 ? keysAnswer(spare) : honest(newEd25519())(request),
);
test(
  'bytes after the signature',
  isRefused,
  honest(spare, (made) => Buffer.concat([made, Buffer.of(0)])),
);
test('a refusal', isRefused, (request) => (request[0] === 11 ? keysAnswer(spare) : Buffer.of(5)));
test('an answer to something else', isRefused, () => Buffer.of(6));
test('a connection that ends', isRefused, () => undefined);
test('an empty answer', isRefused, () => Buffer.alloc(0));
test('keys that are announced and do not come', isRefused, () =>
  Buffer.concat([Buffer.of(12), wireUint32(9)]),
);
test('millions of keys', isRefused, () => Buffer.concat([Buffer.of(12), wireUint32(0xffffffff)]));
test('an answer over the limit', isRefused, () => Buffer.alloc(300_000, 12));

test('an agent that never answers is given up on when the run is stopped', async (t) => {
  const stop = new AbortController();
  await withTempDir((folder) =>
    withScriptedAgent(
      () => stop.abort(new PackferryError('E_INTERRUPTED', 'stopped')),
      async (socket) => {
        const file = path.join(folder, 'key.pub');
        await writeFile(file, `${spare.line}\n`);
        const opening = openSigningKey(file, { ...withSocket(socket), signal: stop.signal });
        await t.throwsAsync(opening, fault('E_INTERRUPTED'));
      },
    ),
  );
});

const cipher = 'chacha20-poly1305@openssh.com';

test('ssh-keygen signs with a key in a cipher that cannot be read here', (t) =>
  withSshKeygen(t, () =>
    withTempDir(async (folder) => {
      const [file, askpass] = [path.join(folder, 'key'), path.join(folder, 'askpass')];
      sshKeygen(['-q', '-t', 'ed25519', '-N', 'correct horse', '-Z', cipher, '-C', '', '-f', 'key'], {
        cwd: folder,
      });
      await writeExecutable(askpass, '#!/bin/sh\necho correct horse\n');
      const env = { ...without.env, SSH_ASKPASS: askpass, SSH_ASKPASS_REQUIRE: 'force' };
      let prompts = 0;
      const signer = await openSigningKey(file, { ...without, env, beforePrompt: () => (prompts += 1) });
      const signature = Buffer.from(await signer.sign(message, bundleNamespace));
      t.is(verify(signature, allowedBy(`builder ${signer.publicKey}`)).fingerprint, signer.fingerprint);
      t.is(prompts, 1);

      await writeExecutable(askpass, '#!/bin/sh\nexit 1\n');
      const unavailable = fault('E_KEY_UNAVAILABLE');
      await t.throwsAsync(signer.sign(message, bundleNamespace), unavailable);
      const noSshKeygen = await openSigningKey(file, { ...without, env: { PATH: folder } });
      const missing = await t.throwsAsync(noSshKeygen.sign(message, bundleNamespace), unavailable);
      t.regex(missing.message, /only ssh-keygen can sign/);
    }),
  ));

test('a passphrase from a file reaches ssh-keygen, for a key in a cipher that cannot be read here', (t) =>
  withSshKeygen(t, () =>
    withTempDir(async (folder) => {
      const file = path.join(folder, 'key');
      sshKeygen(['-q', '-t', 'ed25519', '-N', 'correct horse', '-Z', cipher, '-C', '', '-f', 'key'], {
        cwd: folder,
      });
      const withPassphrase = (passphrase: string): SigningKeyOptions => ({
        ...without,
        passphraseForSshKeygen: () => Promise.resolve(passphrase),
      });
      const signer = await openSigningKey(file, withPassphrase('correct horse'));
      const signature = Buffer.from(await signer.sign(message, bundleNamespace));
      t.is(verify(signature, allowedBy(`builder ${signer.publicKey}`)).fingerprint, signer.fingerprint);
      const wrong = await openSigningKey(file, withPassphrase('correct hose'));
      await t.throwsAsync(wrong.sign(message, bundleNamespace), fault('E_KEY_UNAVAILABLE'));
    }),
  ));

test('the passphrase stands in no argument, variable or file, answers no question for a PIN, and its helper goes away', (t) =>
  withSshKeygen(t, () =>
    withTempDir(async (folder) => {
      const at = (name: string): string => path.join(folder, name);
      sshKeygen(['-q', '-t', 'ed25519', '-N', 'correct horse', '-Z', cipher, '-C', '', '-f', 'key'], {
        cwd: folder,
      });
      const script = `#!/bin/sh
{ echo "$@"; env; cat "$SSH_ASKPASS"; } > '${at('seen')}'
"$SSH_ASKPASS" 'Enter PIN for ED25519-SK key key: ' > '${at('pin')}' 2>&1 && exit 9
"$SSH_ASKPASS" 'Enter passphrase for "key": ' > '${at('passphrase')}'
exit 1
`;
      await mkdir(at('bin'));
      await writeExecutable(at('bin/ssh-keygen'), script);
      const signer = await openSigningKey(at('key'), {
        env: { PATH: `${at('bin')}:${process.env['PATH'] ?? ''}` },
        isInteractive: false,
        passphraseForSshKeygen: () => Promise.resolve('correct horse'),
      });
      await t.throwsAsync(signer.sign(message, bundleNamespace), fault('E_KEY_UNAVAILABLE'));
      const seen = await readFile(at('seen'), 'utf8');
      t.false(seen.includes('correct horse'));
      t.is(await readFile(at('pin'), 'utf8'), 'Enter PIN for ED25519-SK key key: \n');
      t.is(await readFile(at('passphrase'), 'utf8'), 'correct horse\n');
      const [, helper = ''] = /^SSH_ASKPASS=(.*)$/m.exec(seen) ?? [];
      await t.throwsAsync(readFile(helper), { code: 'ENOENT' });
    }),
  ));
