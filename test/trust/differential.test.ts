import { writeFileSync } from 'node:fs';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { PackferryError } from '../../src/core/errors.ts';
import { parseAllowedSigners } from '../../src/trust/allowed-signers.ts';
import { encodeArmor } from '../../src/trust/armor.ts';
import { bundleNamespace } from '../../src/trust/verify.ts';
import { sshKeygen, withSshKeygen } from '../helpers/ssh-keygen.ts';
import { forge, message, newEd25519, newP256, now, type TestKey, verify, withTempDir } from './fixtures.ts';

// Both verifiers must agree on every input, except where this one is stricter on purpose.

interface Case {
  readonly signature: Buffer;
  readonly allowed: string;
}

/** Why a signature file may be refused here though ssh-keygen takes it. */
const stricter: Readonly<Record<string, (file: Buffer) => boolean>> = {
  'text after the END line is unsigned': (file) => !/-----END SSH SIGNATURE-----\n?$/.test(latin1(file)),
  'base64 is written in one way': (file) => /[ \t\v\f\r]|\n\n/.test(bodyOf(file)),
  'version 0 does not exist': (file) => blobOf(file).readUInt32BE(6) === 0,
  'the reserved field is not signed': (file) => reservedLength(blobOf(file)) > 0,
};

const latin1 = (file: Buffer): string => file.toString('latin1');
const bodyOf = (file: Buffer): string => /SIGNATURE-----(\n[^]*?\n)-----END/.exec(latin1(file))?.[1] ?? '';
const blobOf = (file: Buffer): Buffer => Buffer.from(bodyOf(file), 'base64');

function reservedLength(blob: Buffer): number {
  let offset = 10;
  for (let skipped = 0; skipped < 2; skipped += 1) offset += 4 + blob.readUInt32BE(offset);
  return blob.readUInt32BE(offset);
}

function acceptedHere({ signature, allowed }: Case): boolean {
  try {
    verify(signature, parseAllowedSigners(Buffer.from(allowed), 'allowed'));
    return true;
  } catch (fault) {
    if (fault instanceof PackferryError) return false;
    throw fault;
  }
}

function acceptedThere({ signature, allowed }: Case, folder: string): boolean {
  writeFileSync(path.join(folder, 'sig'), signature);
  writeFileSync(path.join(folder, 'allowed'), allowed);
  const time = `verify-time=${now.toISOString().replace(/\D/g, '').slice(0, 14)}Z`;
  const args = [
    '-Y',
    'verify',
    '-f',
    'allowed',
    '-I',
    'builder',
    '-n',
    bundleNamespace,
    '-s',
    'sig',
    '-O',
    time,
  ];
  return sshKeygen(args, { cwd: folder, input: message }).ok;
}

/** Numbers in [0, limit) that are the same in every run (mulberry32). */
function dice(seed: number): (limit: number) => number {
  let state = seed;
  return (limit) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % limit;
  };
}

type Mutation = (file: Buffer, roll: (limit: number) => number) => Buffer;

const splice = (bytes: Buffer, at: number, remove: number, insert: string | Buffer = ''): Buffer =>
  Buffer.concat([bytes.subarray(0, at), Buffer.from(insert), bytes.subarray(at + remove)]);

const mutations: Readonly<Record<string, readonly [times: number, Mutation]>> = {
  nothing: [2, (file) => file],
  'a bit of the blob flipped': [
    70,
    (file, roll) => {
      const blob = blobOf(file);
      const at = roll(blob.length);
      return Buffer.from(encodeArmor(splice(blob, at, 1, Buffer.of((blob[at] ?? 0) ^ (1 << roll(8))))));
    },
  ],
  'a length or small number of the blob changed': [
    30,
    (file, roll) => {
      const blob = blobOf(file);
      const zeros = [...blob.keys()].filter((at) => blob.readUIntBE(Math.min(at, blob.length - 3), 3) === 0);
      return Buffer.from(
        encodeArmor(splice(blob, (zeros[roll(zeros.length)] ?? 0) + 3, 1, Buffer.of(roll(70)))),
      );
    },
  ],
  'bytes put into the blob': [
    15,
    (file, roll) => Buffer.from(encodeArmor(splice(blobOf(file), roll(blobOf(file).length + 1), 0, '\0'))),
  ],
  'bytes taken from the blob': [
    15,
    (file, roll) => Buffer.from(encodeArmor(splice(blobOf(file), roll(blobOf(file).length), 1 + roll(8)))),
  ],
  'a character of the file replaced': [
    30,
    (file, roll) => splice(file, roll(file.length), 1, ' \n\t=A+/-Z\r'.charAt(roll(10))),
  ],
  'a character put into the file': [
    40,
    (file, roll) => splice(file, roll(file.length + 1), 0, ' \n\t=A+/-\0\r'.charAt(roll(10))),
  ],
  'the file cut': [10, (file, roll) => file.subarray(0, roll(file.length))],
  'the file continued': [3, (file, roll) => splice(file, file.length, 0, ['x', '\n', ' '][roll(3)])],
  'CRLF lines': [1, (file) => Buffer.from(latin1(file).replaceAll('\n', '\r\n'))],
  'lines of 64 characters': [
    1,
    (file) =>
      Buffer.from(
        `-----BEGIN SSH SIGNATURE-----\n${blobOf(file).toString('base64').replace(/.{64}/g, '$&\n')}\n-----END SSH SIGNATURE-----\n`,
      ),
  ],
};

function compare(
  t: ExecutionContext,
  given: Case,
  folder: string,
  reasons: readonly string[],
  name: string,
): void {
  const [here, there] = [acceptedHere(given), acceptedThere(given, folder)];
  const shown = `${name}\n${latin1(given.signature)}${given.allowed}`;
  if (here || !there) t.is(here, there, shown);
  else
    t.not(
      reasons.length,
      0,
      `ssh-keygen takes this, and no intended strictness explains the refusal: ${shown}`,
    );
}

for (const [type, newKey, seed] of [
  ['Ed25519', newEd25519, 1],
  ['P-256', newP256, 2],
] as const) {
  test(`mutated ${type} signatures get the verdict of ssh-keygen`, (t) =>
    withSshKeygen(t, () =>
      withTempDir((folder) => {
        const key: TestKey = newKey();
        const roll = dice(seed);
        for (const [name, [times, mutate]] of Object.entries(mutations)) {
          for (let count = 0; count < times; count += 1) {
            const signature = mutate(forge(key), roll);
            const reasons = Object.keys(stricter).filter((reason) => holds(reason, signature));
            compare(t, { signature, allowed: `builder ${key.line}\n` }, folder, reasons, name);
          }
        }
      }),
    ));
}

function holds(reason: string, signature: Buffer): boolean {
  try {
    return stricter[reason]?.(signature) ?? false;
  } catch {
    return false; // too short to have the field
  }
}

test('ssh-keygen is more tolerant exactly where the list says so', (t) =>
  withSshKeygen(t, () =>
    withTempDir((folder) => {
      const key = newEd25519();
      const allowed = `builder ${key.line}\n`;
      const examples: Record<keyof typeof stricter, Buffer> = {
        'text after the END line is unsigned': Buffer.concat([forge(key), Buffer.from('more\n')]),
        'base64 is written in one way': splice(forge(key), 60, 0, ' '),
        'version 0 does not exist': forge(key, { version: 0 }),
        'the reserved field is not signed': forge(key, { reserved: 'x' }),
      };
      t.deepEqual(Object.keys(examples), Object.keys(stricter));
      for (const [reason, signature] of Object.entries(examples)) {
        t.true(holds(reason, signature), reason);
        t.true(acceptedThere({ signature, allowed }, folder), `ssh-keygen no longer takes it: ${reason}`);
        t.false(acceptedHere({ signature, allowed }), reason);
      }
    }),
  ));

/** Parts of a line of allowed_signers; those in `stricterParts` are refused here on purpose. */
const names = [
  'builder',
  '*',
  'b?ilder',
  'other,builder',
  'build*,!ops',
  'ops',
  '!builder',
  '"builder"',
  ',builder',
];
const options = [
  '',
  'namespaces="bundle@packferry"',
  'Namespaces="git,bundle@*"',
  'namespaces="git"',
  'namespaces="*,!bundle@packferry"',
  'namespaces=""',
  'namespaces="bundle@packferry',
  'namespaces=bundle@packferry',
  'namespaces="*",namespaces="*"',
  'namespaces="*",',
  ',namespaces="*"',
  'valid-after="20261123120000Z"',
  'valid-after="20261123120001Z"',
  'valid-before="20261123120000Z"',
  'valid-before="20261123115959Z"',
  'VALID-AFTER="20260101Z",valid-before="20270101Z"',
  'valid-after="20270101Z",valid-before="20260101Z"',
  'valid-after="20260101Z",valid-before="20260101Z"',
  'valid-after="20260230Z"',
  'valid-after="20260101z"',
  'valid-after="20261301Z"',
  'valid-after="2026"',
  'valid-after=""',
  'valid-after="20260101Z" ,namespaces="*"',
  'cert-authority',
  'no-touch-required',
  'command="x"',
];
const keys = (own: string, other: string): string[] => [
  own,
  `${own} a comment`,
  `${own}\r`,
  other,
  own.slice(0, -4),
  own.slice(0, -1),
  own.replace('ssh-ed25519', 'ED25519'),
  own.replace('ssh-ed25519', 'ecdsa-sha2-nistp256'),
  own.replace('ssh-ed25519 ', ''),
  'ssh-ed25519',
  '',
];
const stricterParts: readonly string[] = [
  '"builder"',
  ',builder',
  'namespaces="*",',
  ',namespaces="*"',
  'valid-after="20260230Z"',
  'valid-after="20260101z"',
  'ED25519',
];

test('lines of allowed_signers get the verdict of ssh-keygen', (t) =>
  withSshKeygen(t, () =>
    withTempDir((folder) => {
      const key = newEd25519();
      const signature = forge(key);
      const keyTexts = keys(key.line, newEd25519().line);
      const tryLine = (parts: readonly string[]): void => {
        const line = parts.filter((part) => part !== '').join(' ');
        // Here nobody claims a name; a line that does not stand for "builder" is another one's line.
        if (/^(ops|!builder) /.test(line)) return;
        const reasons = stricterParts.filter((part) => line.includes(part));
        compare(t, { signature, allowed: `${line}\n` }, folder, reasons, line);
      };
      for (const name of names) tryLine([name, key.line]);
      for (const option of options) tryLine(['builder', option, key.line]);
      for (const keyText of keyTexts) tryLine(['builder', keyText]);
      const roll = dice(3);
      for (let count = 0; count < 150; count += 1) {
        tryLine([names, options, keyTexts].map((choices) => choices[roll(choices.length)] ?? ''));
      }
    }),
  ));

test('a bad line voids the file here, but only itself for ssh-keygen', (t) =>
  withSshKeygen(t, () =>
    withTempDir((folder) => {
      const key = newEd25519();
      const given = {
        signature: forge(key),
        allowed: `builder command="x" ${key.line}\nbuilder ${key.line}\n`,
      };
      t.true(acceptedThere(given, folder));
      t.false(acceptedHere(given));
    }),
  ));
