import { sign } from 'node:crypto';
import test from 'ava';
import { readSignature, writeSignature } from '../../src/core/ssh-keys/key-type.ts';
import { invalidSignature } from '../../src/trust/sshsig.ts';
import { formatPublicKey } from '../../src/trust/public-key.ts';
import { bundleNamespace } from '../../src/trust/verify.ts';
import { WireReader, wireMpint, wireString, wireUint32 } from '../../src/core/ssh-keys/wire.ts';
import { certify } from './certificates.ts';
import { forge, message, now } from './fixtures.ts';
import { makers, newEd25519, newP256, newRsa, newSkEd25519, newSkP256, type TestKey } from './keys.ts';
import { blobMutations, dice, flipBit, mutations, pick, splice } from './mutations.ts';
import {
  blobOf,
  type Case,
  compareAll,
  expectStricter,
  type Strictness,
  strictness,
  verdictHere,
} from './oracle.ts';

// Both verifiers must agree on every input, except where this one is stricter on purpose: see the list in oracle.ts.

/** A key of every type, alone and certified, with the line that admits it. */
function admittedKeys(): { readonly name: string; readonly key: TestKey; readonly allowed: string }[] {
  const authority = newEd25519();
  return Object.entries(makers).flatMap(([name, make]) => {
    const key = make();
    return [
      { name, key, allowed: `builder ${key.line}\n` },
      {
        name: `certified ${name}`,
        key: certify(key, authority),
        allowed: `builder cert-authority ${authority.line}\n`,
      },
    ];
  });
}

test('mutated signatures of every type of key get the verdict of ssh-keygen', async (t) => {
  const roll = dice(1);
  const cases = admittedKeys().flatMap(({ name, key, allowed }): Case[] =>
    Object.entries(mutations).flatMap(([how, [times, mutate]]) =>
      Array.from({ length: key.blob.length > 150 ? Math.ceil(times / 2) : times }, () => ({
        name: `${name}, ${how}`,
        allowed,
        signature: mutate(forge(key), roll),
      })),
    ),
  );
  await compareAll(t, cases);
});

test('other messages, namespaces, hashes and keys get the verdict of ssh-keygen', async (t) => {
  const roll = dice(2);
  const cases = admittedKeys().flatMap(({ name, key, allowed }): Case[] => [
    ...['sha256', 'sha512'].map((hash) => ({
      name: `${name}, ${hash}`,
      allowed,
      signature: forge(key, { hash }),
    })),
    ...[flipBit(message, roll), message.subarray(1), Buffer.alloc(0)].map((other) => ({
      name: `${name}, another message`,
      ...{ allowed, signature: forge(key), message: other },
    })),
    ...['file', 'bundle@packferry2', bundleNamespace].map((namespace) => ({
      name: `${name} for ${namespace}`,
      ...{ allowed, namespace },
      signature: forge(key, { namespace: pick([namespace, bundleNamespace], roll) }),
    })),
    { name: `${name}, hash sha384`, allowed, signature: forge(key, { hash: 'sha384' }) },
    { name: `${name}, tail`, allowed, signature: forge(key, { tail: 'x' }) },
    {
      name: `${name}, bytes after the signature`,
      allowed,
      signature: forge(key, { signature: (made) => Buffer.concat([made, Buffer.of(0)]) }),
    },
    {
      name: `${name}, another algorithm`,
      allowed,
      signature: forge(key, {
        signature: (made) => Buffer.concat([wireString('ssh-dss'), made.subarray(15)]),
      }),
    },
  ]);
  await compareAll(t, cases);
});

test('no mutated blob is a second spelling of a signature', (t) => {
  const roll = dice(4);
  let count = 0;
  for (const { name, key, allowed } of admittedKeys()) {
    const file = forge(key);
    const blob = blobOf(file);
    for (let round = 0; round < 120; round += 1) {
      for (const [how, mutate] of Object.entries(blobMutations)) {
        const signature = mutate(file, roll);
        if (blobOf(signature).equals(blob)) continue;
        count += 1;
        t.is(
          verdictHere({ name: how, allowed, signature }),
          undefined,
          `${name}, ${how}\n${signature.toString()}`,
        );
      }
    }
  }
  t.log(`differential: ${count} mutated signatures, all refused`);
});

const fail = invalidSignature('test');
const padded = (number: Buffer): Buffer => wireString(Buffer.concat([Buffer.alloc(2), number]));

/** The first number of an ECDSA signature with needless zeros. */
function zerosBeforeR(key: TestKey): Buffer {
  return forge(key, {
    signature: (made) => {
      const reader = new WireReader(readSignature(made, key.type.name, fail), fail);
      const [r, s] = [reader.mpint('r'), reader.mpint('s')];
      return writeSignature(key.type.name, Buffer.concat([padded(r), wireMpint(s)]));
    },
  });
}

/** The same RSA key, its exponent with needless zeros. */
function zerosBeforeExponent(key: TestKey): TestKey {
  const reader = new WireReader(key.blob, fail);
  const [type, exponent] = [reader.text('type'), reader.mpint('exponent')];
  const rest = key.blob.subarray(reader.offset);
  const blob = Buffer.concat([wireString(type), padded(exponent), rest]);
  return { ...key, blob, line: formatPublicKey({ type, blob }) };
}

test('ssh-keygen is more tolerant exactly where the list says so', async (t) => {
  const key = newEd25519();
  const [p256, rsa, weak] = [newP256(), newRsa(), newRsa(1024)];
  const line = (one: TestKey): string => `builder ${one.line}\n`;
  const allowed = line(key);
  const authority = newEd25519();
  const byAuthority = `builder cert-authority ${authority.line}\n`;
  const signedBy = (one: TestKey, reason: Strictness): Case & { reason: Strictness } => {
    return { name: reason, reason, signature: forge(one), allowed: line(one) };
  };
  const certificate = certify(key, authority);
  const sha1 = (data: Buffer): Buffer => writeSignature('ssh-rsa', sign('sha1', data, rsa.privateKey));
  const forced = { criticalOptions: { 'force-command': 'x' } };
  const examples: (Case & { reason: Strictness })[] = [
    {
      ...signedBy(key, 'text after the END line is unsigned'),
      signature: Buffer.concat([forge(key), Buffer.from('more\n')]),
    },
    { ...signedBy(key, 'base64 is written in one way'), signature: splice(forge(key), 60, 0, ' ') },
    { ...signedBy(key, 'version 0 does not exist'), signature: forge(key, { version: 0 }) },
    { ...signedBy(key, 'the reserved field is not signed'), signature: forge(key, { reserved: 'x' }) },
    { ...signedBy(p256, 'numbers are written in one way'), signature: zerosBeforeR(p256) },
    signedBy(zerosBeforeExponent(rsa), 'numbers are written in one way'),
    signedBy(newSkEd25519({ flags: 0 }), 'a security key must have been touched'),
    signedBy(newSkP256({ flags: 4 }), 'a security key must have been touched'),
    signedBy(weak, 'RSA keys have at least 2048 bits'),
    {
      ...signedBy(certificate, 'no SHA-1, not even by an authority'),
      signature: forge(certify(key, { ...rsa, sign: sha1 })),
      allowed: `builder cert-authority ${rsa.line}\n`,
    },
    {
      ...signedBy(certificate, 'critical options that a signature cannot meet refuse a certificate'),
      signature: forge(certify(key, authority, forced)),
      allowed: byAuthority,
    },
    {
      ...signedBy(certificate, 'certificates do not stand in allowed_signers'),
      allowed: line(certificate),
    },
    {
      ...signedBy(key, 'names are clean: no quotes, no NULs, no empty patterns'),
      allowed: `"builder" ${key.line}\n`,
    },
    { ...signedBy(key, 'options stand alone, each once'), allowed: `builder ,namespaces="*" ${key.line}\n` },
    { ...signedBy(key, 'times are real ones'), allowed: `builder valid-after="20260230Z" ${key.line}\n` },
    {
      ...signedBy(key, 'one bad line voids the file'),
      allowed: `builder command="x" ${key.line}\n${allowed}`,
    },
    { ...signedBy(key, 'KRLs are not supported'), revoked: emptyKrl() },
  ];
  await expectStricter(t, examples);
  const shown = new Set<string>(examples.map(({ reason }) => reason));
  t.deepEqual(
    Object.entries(strictness).flatMap(([reason, kind]) =>
      shown.has(reason) || kind === 'newer' ? [] : reason,
    ),
    [],
  );
});

/** A binary list of no keys (OpenSSH, PROTOCOL.krl). */
function emptyKrl(): Buffer {
  const version = wireUint32(1);
  const zero = Buffer.alloc(8);
  const time = Buffer.alloc(8);
  time.writeBigUInt64BE(BigInt(now.getTime() / 1000));
  return Buffer.concat([
    Buffer.from('SSHKRL\n\0'),
    version,
    zero,
    time,
    zero,
    wireString(''),
    wireString(''),
  ]);
}
