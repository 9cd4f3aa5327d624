import type { utils } from 'ssh2';
import { PackferryError } from '../core/errors.ts';
import { fingerprintOf, parsePublicKey } from './public-key.ts';

export interface KeyPairOptions {
  /** ECDSA for hosts in FIPS mode, which refuse Ed25519; Ed25519 elsewhere. */
  readonly type: 'ed25519' | 'ecdsa-p256';
  /** Stands with both halves; one line. */
  readonly comment: string;
  /** Encrypts the private key. Absent: it is not encrypted. */
  readonly passphrase?: string;
}

/** Both halves of a key as texts of files in OpenSSH's format, each ending with a line feed. */
export interface KeyPair {
  readonly privateKey: string;
  readonly publicKey: string;
  /** `SHA256:...` */
  readonly fingerprint: string;
}

type WrittenPair = utils.KeyPairReturn;

/** A second of work for whoever guesses, and for us. */
const encryption = { cipher: 'aes256-ctr', rounds: 64 } as const;
const attempts = 10;

/** Makes a new key pair. `E_USAGE` for a comment of several lines or an empty passphrase. */
export async function generateKeyPair(options: KeyPairOptions): Promise<KeyPair> {
  if (/\p{Cc}/u.test(options.comment)) {
    throw new PackferryError('E_USAGE', 'the comment of a key must be one line without control characters');
  }
  if (options.passphrase === '') {
    throw new PackferryError('E_USAGE', 'the passphrase of a new key is empty', {
      hint: 'Give a passphrase, or ask for a key without one.',
    });
  }
  for (let attempt = 0; attempt < attempts; attempt += 1) {
    const pair = await writtenPair(options);
    const blob = blobOf(pair);
    if (blob !== undefined) {
      return { privateKey: pair.private, publicKey: `${pair.public}\n`, fingerprint: fingerprintOf(blob) };
    }
  }
  throw new PackferryError('E_INTERNAL', `no well-formed key pair in ${attempts} attempts`);
}

async function writtenPair({ type, comment, passphrase }: KeyPairOptions): Promise<WrittenPair> {
  const { default: ssh2 } = await import('ssh2');
  const settings = { comment, ...(passphrase === undefined ? {} : { passphrase, ...encryption }) };
  return new Promise((resolve, reject) => {
    const done = (fault: Error | null, pair: WrittenPair): void => {
      if (fault === null) resolve(pair);
      else reject(fault);
    };
    if (type === 'ed25519') ssh2.utils.generateKeyPair('ed25519', settings, done);
    else ssh2.utils.generateKeyPair('ecdsa', { ...settings, bits: 256 }, done);
  });
}

/**
 * The public key blob; undefined when it is malformed: ssh2 drops leading zero bytes of Ed25519 keys, so one pair in
 * 256 is broken and must be thrown away.
 */
function blobOf(pair: WrittenPair): Buffer | undefined {
  try {
    return parsePublicKey(pair.public, (reason) => new PackferryError('E_INTERNAL', reason)).blob;
  } catch {
    return undefined;
  }
}
