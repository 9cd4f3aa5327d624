import { PackferryError } from '../core/errors.ts';
import type { KeyFile } from './key-envelope.ts';
import { type AskPassphrase, openPrivateKey } from './private-key.ts';
import { fingerprintOf, formatPublicKey } from './public-key.ts';
import { encodeSshsig, signedData } from './sshsig.ts';

/** Something that signs: a key file now, whatever else holds a key later. */
export interface Signer {
  /** For instance `ssh-ed25519`. */
  readonly keyType: string;
  /** `SHA256:...`, as `ssh-keygen -l` prints it. */
  readonly fingerprint: string;
  /** `ssh-ed25519 AAAA...`, without a comment. */
  readonly publicKey: string;
  /** Whatever text stands with the key. */
  readonly comment: string;
  /** The armored SSHSIG file of a message (OpenSSH, PROTOCOL.sshsig). */
  sign(message: Uint8Array, namespace: string): Promise<string>;
}

/** A public key, and whatever can use its private half. */
export interface KeyHolder {
  readonly keyType: string;
  /** As an SSH blob. */
  readonly publicKey: Buffer;
  readonly comment: string;
  /** Signs `data`: algorithm name and signature, as they stand in SSHSIG. */
  readonly sign: (data: Buffer) => Promise<Buffer>;
}

/**
 * Opens a private key file in OpenSSH's format. `passphrase` is asked only when the key is encrypted. Errors:
 * `E_KEY_UNREADABLE`, `E_KEY_UNSUPPORTED`, `E_KEY_PASSPHRASE`.
 */
export async function openSigner(keyFile: KeyFile, passphrase?: AskPassphrase): Promise<Signer> {
  const { type, privateKey, publicKey, comment } = await openPrivateKey(keyFile, passphrase);
  const sign = (data: Buffer): Promise<Buffer> => Promise.resolve(type.sign(privateKey, data));
  return signerOf({ keyType: type.name, publicKey, comment, sign });
}

/** Makes SSHSIG files with a key, wherever it is kept. */
export function signerOf({ keyType, publicKey, comment, sign }: KeyHolder): Signer {
  return {
    keyType,
    fingerprint: fingerprintOf(publicKey),
    publicKey: formatPublicKey({ type: keyType, blob: publicKey }),
    comment,
    async sign(message, namespace) {
      if (namespace === '') throw new PackferryError('E_USAGE', 'a signature needs a namespace');
      const signature = await sign(signedData(namespace, 'sha512', message));
      return encodeSshsig({ publicKey, namespace, hash: 'sha512', signature });
    },
  };
}
