import { generateKeyPairSync } from 'node:crypto';
import test from 'ava';
import { PackferryError } from '../../src/core/errors.ts';
import { parseAllowedSigners } from '../../src/trust/allowed-signers.ts';
import { generateKeyPair } from '../../src/trust/keygen.ts';
import { parseRevokedKeys } from '../../src/trust/revoked-keys.ts';
import { newEd25519, newP256 } from './keys.ts';

const { line: key } = newEd25519();
const { line: other } = newP256();

/** The one error of a list of trusted keys, which must quote nothing that is secret. */
function mistakeOf(
  text: string,
  parse = parseAllowedSigners as (bytes: Buffer, name: string) => unknown,
): string {
  try {
    parse(Buffer.from(text), 'file');
  } catch (fault) {
    if (!(fault instanceof PackferryError)) throw fault;
    if (fault.code !== 'E_TRUST_INVALID' || fault.errors.length > 0) throw fault;
    return `${fault.message}\n${fault.hint ?? ''}`;
  }
  return 'none';
}

test('a private key is called one, in one sentence that quotes nothing of it, also in a list of revoked keys', async (t) => {
  const openssh = (await generateKeyPair({ type: 'ed25519', comment: 'builder' })).privateKey;
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  for (const text of [openssh, pem, 'PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none\n']) {
    for (const parse of [parseAllowedSigners, parseRevokedKeys]) {
      const said = mistakeOf(text, parse);
      t.regex(said, /^file is a private key, no list of keys\n/);
      for (const line of text.split('\n').slice(1)) t.false(line !== '' && said.includes(line));
    }
  }
});

test('a .pub file is told to lack a name, and how it gets one', (t) => {
  t.regex(
    mistakeOf(`${key} builder@host\n`),
    /^file is a public key .*\n.*packferry trust add file --principal/,
  );
  t.regex(
    mistakeOf(`# mine\n${key}\n\n${other}\n`),
    /^file is a list of public keys .*\n.*trust add FILE\.pub/,
  );
});

test('a signature is none of the lists', (t) => {
  t.regex(
    mistakeOf('-----BEGIN SSH SIGNATURE-----\nAAAA\n-----END SSH SIGNATURE-----\n'),
    /^file is a signature/,
  );
});

test('a list may speak of private keys, and a signer may be called like a type of keys', (t) => {
  t.is(mistakeOf(`# the PRIVATE KEY is in the safe\nbuilder ${key}\n`), 'none');
  t.is(mistakeOf(`ssh-ed25519 ${key}\n`), 'none');
});
