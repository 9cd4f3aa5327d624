import { sign } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { PassThrough } from 'node:stream';
import test from 'ava';
import ssh2 from 'ssh2';
import { PackferryError, type ErrorCode } from '../../src/core/errors.ts';
import { silent } from '../../src/core/events.ts';
import { offerCertificates } from '../../src/ssh/certificate-exchange.ts';
import { connectSsh } from '../../src/ssh/connect.ts';
import { withScriptedHost, type ScriptedHost } from '../helpers/ssh-scripted.ts';
import { userOf } from '../helpers/ssh-user.ts';
import { withTempFolder } from '../helpers/system-service.ts';
import { certify, seconds, type CertificateParts } from '../trust/certificates.ts';
import { newEd25519 } from '../trust/keys.ts';

const authority = newEd25519();
const key = newEd25519();
const stranger = newEd25519();
const algorithm = 'ssh-ed25519-cert-v01@openssh.com';
const now = seconds(new Date());

/** The certificate of the true host. */
const certificateWith = (changes: Partial<CertificateParts> = {}): Buffer =>
  certify(key, authority, {
    ...{ kind: 2, principals: ['127.0.0.1'], validAfter: now - 3600n, validBefore: now + 3600n },
    ...changes,
  }).blob;

const byKey = (data: Buffer): Buffer => sign(null, data, key.privateKey);
const honest: ScriptedHost = { algorithm, shown: certificateWith(), sign: byKey };

/** Connects, known is the authority only; the user is never let in. */
async function connectTo(host: ScriptedHost, acceptNew = false) {
  return withScriptedHost(host, ({ port, asked }) =>
    withTempFolder(async (home) => {
      const file = path.join(home, '.ssh', 'known_hosts');
      await mkdir(path.dirname(file));
      const known = `@cert-authority * ${authority.line}\n`;
      await writeFile(file, known);
      const fault: unknown = await connectSsh(
        { host: '127.0.0.1', port, user: 'operator' },
        { me: userOf({ home }), acceptNew, emit: silent, ask: () => Promise.resolve('secret') },
      ).then(
        () => undefined,
        (reason: unknown) => reason,
      );
      const isUnchanged = (await readFile(file, 'utf8')) === known;
      return { fault, asked, isUnchanged };
    }),
  );
}

test('a host that holds the certified key is asked to let the user in', async (t) => {
  const { fault, asked } = await connectTo(honest);
  t.true(fault instanceof PackferryError && fault.code === 'E_SSH_AUTH', String(fault));
  t.true(asked.length > 0);
});

const refused = test.macro({
  async exec(t, host: Partial<ScriptedHost>, code: ErrorCode, words: RegExp) {
    for (const acceptNew of [false, true]) {
      const { fault, asked, isUnchanged } = await connectTo({ ...honest, ...host }, acceptNew);
      if (!(fault instanceof PackferryError)) return t.fail(String(fault));
      t.is(fault.code, code, fault.message);
      t.regex(fault.message, words);
      t.deepEqual(asked, [], 'nothing was told to it');
      t.true(isUnchanged, 'known_hosts');
    }
  },
  title: (what) => `a host is refused, with and without --accept-new: ${what}`,
});

test(
  'it shows the certificate of another one, whose key it does not hold',
  refused,
  { sign: (data) => sign(null, data, stranger.privateKey) },
  'E_SSH_UNREACHABLE',
  /signature verification failed/,
);
test(
  'its signature is no signature of what was exchanged',
  refused,
  { sign: () => byKey(Buffer.alloc(32)) },
  'E_SSH_UNREACHABLE',
  /signature verification failed/,
);
test(
  'its signature names the algorithm of the certificate',
  refused,
  { signatureName: algorithm },
  'E_SSH_UNREACHABLE',
  /Wrong signature type/,
);
test(
  'it shows a plain key where a certificate was agreed on',
  refused,
  { shown: key.blob },
  'E_SSH_UNREACHABLE',
  /does not match negotiated type/,
);
test(
  'it shows a certificate where a plain key was agreed on',
  refused,
  { algorithm: 'ssh-ed25519' },
  'E_SSH_UNREACHABLE',
  /does not match negotiated type/,
);
test(
  'a certificate of another type than agreed on',
  refused,
  { algorithm: 'ecdsa-sha2-nistp256-cert-v01@openssh.com' },
  'E_SSH_UNREACHABLE',
  /does not match negotiated type/,
);
test(
  'the authority has not signed its certificate',
  refused,
  {
    shown: certificateWith({
      signature: (signature) =>
        Buffer.concat([signature.subarray(0, -1), Buffer.of((signature.at(-1) ?? 0) ^ 1)]),
    }),
  },
  'E_HOST_KEY_UNKNOWN',
  /not signed by the authority/,
);
test(
  'it has signed its certificate itself, and names the authority',
  refused,
  { shown: certify(key, key, { kind: 2, authority: authority.blob }).blob },
  'E_HOST_KEY_UNKNOWN',
  /not signed by the authority/,
);
test(
  'the authority is a certificate itself',
  refused,
  { shown: certificateWith({ authority: certify(authority, stranger).blob }) },
  'E_HOST_KEY_UNKNOWN',
  /its authority: it is of type/,
);
test(
  'a certificate with bytes behind it',
  refused,
  { shown: certificateWith({ tail: 'x' }) },
  'E_HOST_KEY_UNKNOWN',
  /left over/,
);
test(
  'a certificate that is cut',
  refused,
  { shown: certificateWith().subarray(0, 200) },
  'E_HOST_KEY_UNKNOWN',
  /it ends inside/,
);
test(
  'a certificate of no known kind',
  refused,
  { shown: certificateWith({ kind: 3 }) },
  'E_HOST_KEY_UNKNOWN',
  /unknown kind 3/,
);

test('what is not made inside like this ssh2 is left as it is, and certificates are not offered', (t) => {
  const list = { array: ['x'] };
  const direction = { cipher: list, mac: list };
  const lists = { kex: list, serverHostKey: list, cs: direction, sc: direction };
  const strange = [
    {},
    { _protocol: undefined },
    { _protocol: {} },
    { _protocol: { _kex: {}, _offer: { lists } } },
    { _protocol: { _kex: undefined } },
    { _protocol: { _kex: undefined, _offer: {} } },
    { _protocol: { _kex: undefined, _offer: { lists: { ...lists, kex: undefined } } } },
    { _protocol: { _kex: undefined, _offer: { lists: { ...lists, cs: { cipher: 'x' } } } } },
    // Another class than the one that makes lists ready to send.
    { _protocol: { _kex: undefined, _offer: { lists } } },
  ];
  for (const inside of strange) {
    const client = Object.assign(new ssh2.Client(), inside);
    const before = structuredClone(inside);
    t.false(offerCertificates(client, [algorithm], (blob) => blob));
    t.deepEqual(inside, before);
  }
});

test('a client that is about to connect offers certificates in the order that is given', (t) => {
  const client = new ssh2.Client();
  client.on('error', () => undefined);
  client.connect({ sock: new PassThrough(), username: 'x', algorithms: { serverHostKey: ['ssh-ed25519'] } });
  t.true(offerCertificates(client, [algorithm, 'ssh-ed25519'], (blob) => blob));
  const { lists } = (Reflect.get(client, '_protocol') as { _offer: { lists: { all: Buffer } } })._offer;
  t.true(lists.all.includes(`${algorithm},ssh-ed25519`), 'ready to send');
  t.true(lists.all.includes('kex-strict-c-v00@openssh.com'), 'what else there was is still there');
  client.destroy();
});
