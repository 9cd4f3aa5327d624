import { PackferryError } from '../core/errors.ts';
import { decodeBase64 } from '../core/base64.ts';
import { quote } from '../core/quote.ts';
import { type Fail, WireReader } from '../core/ssh-keys/wire.ts';

/** The content of a private key file, with the name it is known by in messages. */
export interface KeyFile {
  readonly name: string;
  readonly text: Buffer;
}

/** What a private key file says without its passphrase (OpenSSH, PROTOCOL.key). */
export interface KeyEnvelope {
  readonly encrypted: boolean;
  /** The name of a cipher that only ssh-keygen can open. */
  readonly foreignCipher?: string;
  readonly publicKey: Buffer;
  /** The private part; with `encrypted` it says nothing without the passphrase. */
  readonly sealed: Buffer;
  /** The whole file again, in one spelling. */
  readonly armored: string;
}

/** Ciphers that ssh2 opens; the value is the length of the tag after the sealed part, in bytes. */
const ciphers: ReadonlyMap<string, number> = new Map([
  ['none', 0],
  ['aes128-ctr', 0],
  ['aes192-ctr', 0],
  ['aes256-ctr', 0],
  ['aes128-cbc', 0],
  ['aes192-cbc', 0],
  ['aes256-cbc', 0],
  ['aes128-gcm@openssh.com', 16],
  ['aes256-gcm@openssh.com', 16],
]);

/** 64 rounds take about a second here; a file must not be able to ask for days. */
const maxRounds = 2048;

const magic = Buffer.from('openssh-key-v1\0');
const [begin, end] = ['-----BEGIN OPENSSH PRIVATE KEY-----', '-----END OPENSSH PRIVATE KEY-----'];

/** The error for a private key file that is no such file. */
export function unreadableKey(name: string): Fail {
  return (reason) =>
    new PackferryError('E_KEY_UNREADABLE', `${name}: no readable private key: ${reason}`, {
      hint: 'Name a private key file as ssh-keygen or packferry keygen writes it.',
    });
}

/** The error for a public key or certificate that is none. */
export function unreadablePublicKey(name: string): Fail {
  return (reason) =>
    new PackferryError('E_KEY_UNREADABLE', `${name}: no readable public key: ${reason}`, {
      hint: 'Name a file with one line "TYPE BASE64 COMMENT", as ssh-keygen writes it beside the private key.',
    });
}

/** Reads everything of a private key file that is not encrypted, to the last byte. */
export function readEnvelope({ name, text }: KeyFile): KeyEnvelope {
  const fail = unreadableKey(name);
  const bytes = dearmor(name, text.toString('latin1').trim());
  const reader = new WireReader(bytes, fail);
  if (!reader.raw(magic.length, 'the magic').equals(magic)) throw fail('its magic is wrong');
  const cipher = reader.text('the cipher name');
  const kdf = reader.text('the name of the key derivation');
  const kdfOptions = reader.string('the options of the key derivation');
  if (reader.uint32('the number of keys') !== 1) throw fail('it does not hold exactly one key');
  const publicKey = reader.string('the public key');
  const sealed = reader.string('the sealed part');

  const tagLength = ciphers.get(cipher);
  if (tagLength !== undefined) {
    reader.raw(tagLength, 'the tag of the sealed part');
    reader.end('the sealed part');
  }
  if (kdf !== (cipher === 'none' ? 'none' : 'bcrypt')) throw fail(`its key derivation is ${quote(kdf)}`);
  if (kdf === 'bcrypt') checkRounds(kdfOptions, fail);
  return {
    encrypted: cipher !== 'none',
    ...(tagLength === undefined ? { foreignCipher: cipher } : {}),
    publicKey,
    sealed,
    armored: `${begin}\n${bytes.toString('base64')}\n${end}\n`,
  };
}

function dearmor(name: string, text: string): Buffer {
  if (!text.startsWith(begin) || !text.endsWith(end)) throw foreignFormat(name, text);
  const body = text.slice(begin.length, -end.length);
  const bytes = decodeBase64(body.replace(/\r?\n/g, ''));
  if (bytes === undefined) throw unreadableKey(name)('it holds no proper base64');
  return bytes;
}

function checkRounds(options: Buffer, fail: Fail): void {
  const reader = new WireReader(options, fail);
  reader.string('the salt');
  const rounds = reader.uint32('the number of rounds');
  reader.end('the number of rounds');
  if (rounds === 0 || rounds > maxRounds) {
    throw fail(`its passphrase takes ${rounds} rounds of bcrypt; the limit is ${maxRounds}`);
  }
}

function foreignFormat(name: string, text: string): PackferryError {
  if (text.startsWith('PuTTY-User-Key-File')) {
    return new PackferryError('E_KEY_UNSUPPORTED', `${name}: a key in PuTTY's format`, {
      hint: `Convert it: puttygen ${name} -O private-openssh-new -o NEWFILE`,
    });
  }
  if (/^-----BEGIN (?!OPENSSH)[A-Z ]*PRIVATE KEY-----/.test(text)) {
    return new PackferryError('E_KEY_UNSUPPORTED', `${name}: a private key in PEM format, not in OpenSSH's`, {
      hint: `Convert a copy of it in place: ssh-keygen -p -f ${name}`,
    });
  }
  return unreadableKey(name)('it has not the form of one');
}
