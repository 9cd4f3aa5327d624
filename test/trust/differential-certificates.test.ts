import test from 'ava';
import { type CertificateParts, certify, seconds } from './certificates.ts';
import { forge, now } from './fixtures.ts';
import { makers, newEd25519, newP256, newRsa, type TestKey } from './keys.ts';
import { dice, flipBit, pick } from './mutations.ts';
import { type Case, compareAll } from './oracle.ts';

const authority = newEd25519();
const key = newP256();
const line = `builder cert-authority ${authority.line}\n`;
const time = seconds(now);

const shapes: Readonly<Record<string, Partial<CertificateParts>>> = {
  'as it should be': {},
  'for a host': { kind: 2 },
  'of an unknown kind': { kind: 3 },
  'for nobody': { principals: [] },
  'for several': { principals: ['ops', 'builder', 'x'] },
  'for somebody else': { principals: ['ops'] },
  'for a name in capitals': { principals: ['Builder'] },
  'for a pattern': { principals: ['*'] },
  'for many': { principals: [...Array.from({ length: 255 }, (_, at) => `p${at}`), 'builder'] },
  'for too many': { principals: [...Array.from({ length: 256 }, (_, at) => `p${at}`), 'builder'] },
  'with a NUL in a name': { principals: ['builder\0', 'builder'] },
  'from this second on': { validAfter: time },
  'from the next second on': { validAfter: time + 1n },
  'until this second': { validBefore: time },
  'until the next second': { validBefore: time + 1n },
  'for ever': { validAfter: 0n, validBefore: 2n ** 64n - 1n },
  'with an end before its start': { validAfter: time + 9n, validBefore: time - 9n },
  'with a filled reserved field': { reserved: 'x' },
  'with bytes after it': { tail: 'x' },
  'of another type inside': { typeName: 'ssh-ed25519-cert-v01@openssh.com' },
  'of a plain type inside': { typeName: 'ecdsa-sha2-nistp256' },
  'with an unknown extension': { extensions: { 'x@example.com': 'y' } },
  'by another authority than it names': { authority: newEd25519().blob },
  'by a certified authority': { authority: certify(authority, newRsa()).blob },
  'by an authority of 31 bytes': { authority: authority.blob.subarray(0, -1) },
  'with a changed signature': {
    signature: (made) => Buffer.concat([made.subarray(0, -1), Buffer.of((made.at(-1) ?? 0) ^ 1)]),
  },
  'with bytes after its signature': { signature: (made) => Buffer.concat([made, Buffer.of(0)]) },
};

test('certificates of every shape get the verdict of ssh-keygen', async (t) => {
  const cases = Object.entries(shapes).map(([name, changes]): Case => ({
    name: `a certificate ${name}`,
    allowed: line,
    signature: forge(certify(key, authority, changes)),
    ...(name.includes('NUL') ? { reason: 'names are clean: no quotes, no NULs, no empty patterns' } : {}),
  }));
  await compareAll(t, cases);
});

test('certificates by and for every type of key get the verdict of ssh-keygen', async (t) => {
  const authorities = Object.entries(makers).map(([name, make]) => [name, make()] as const);
  const keys = Object.entries(makers).map(([name, make]) => [name, make()] as const);
  const cases = authorities.flatMap(([by, one]) =>
    keys.map(([name, certified]): Case => ({
      name: `${name} certified by ${by}`,
      allowed: `builder cert-authority ${one.line}\n`,
      signature: forge(certify(certified, one)),
    })),
  );
  await compareAll(t, cases);
});

test('lines with certificate authorities get the verdict of ssh-keygen', async (t) => {
  const certified = certify(key, authority, { principals: ['builder', 'builder@site'] });
  const lines = [
    `* cert-authority ${authority.line}`,
    `ops,b* cert-authority ${authority.line}`,
    `ops cert-authority ${authority.line}`,
    `builder ${authority.line}`,
    `builder ${key.line}`,
    `builder cert-authority ${key.line}`,
    `builder CERT-AUTHORITY,namespaces="bundle@*" ${authority.line}`,
    `builder cert-authority,namespaces="git" ${authority.line}`,
    `builder cert-authority,valid-before="20260101Z" ${authority.line}`,
    `builder cert-authority="x" ${authority.line}`,
    `builder namespaces="*",cert-authority ${authority.line}`,
  ];
  await compareAll(
    t,
    lines.map((text) => ({ name: text, allowed: `${text}\n`, signature: forge(certified) })),
  );
});

test('certificates with a changed bit get the verdict of ssh-keygen', async (t) => {
  const roll = dice(7);
  const good = certify(key, authority);
  const cases = Array.from({ length: 80 }, (): Case => ({
    name: 'a bit of a certificate flipped',
    allowed: line,
    signature: forge({ ...good, blob: flipBit(good.blob, roll) }),
  }));
  await compareAll(t, cases);
});

test('lists of revoked keys get the verdict of ssh-keygen', async (t) => {
  const roll = dice(8);
  const other = newEd25519();
  const certified = certify(key, authority);
  const entries = (signer: TestKey): [string, ...string[]] => [
    '',
    '\n# nobody\n',
    `${other.line}\n`,
    `${signer.line}\n`,
    `${key.line} stolen\n`,
    `${other.line}\n  ${key.line}\n`,
    `# ${key.line}\n`,
    `${authority.line}\n`,
    `${certify(key, newEd25519()).line}\n`,
    `${certify(other, authority).line}\n`,
    `cert-authority ${key.line}\n`,
    `${key.line.slice(0, -5)}\n`,
    'no key\n',
    'ssh-ed25519\n',
    `${key.line}\r\n`,
  ];
  const signers = [
    { signer: key, allowed: `builder ${key.line}\n` },
    { signer: certified, allowed: line },
  ];
  const cases = signers.flatMap(({ signer, allowed }) => {
    const choices = entries(signer);
    const several = Array.from({ length: 25 }, () => `${pick(choices, roll)}${pick(choices, roll)}`);
    return [...choices, ...several].map((revoked): Case => ({
      name: 'a list of revoked keys',
      allowed,
      revoked,
      signature: forge(signer),
    }));
  });
  await compareAll(t, cases);
});
