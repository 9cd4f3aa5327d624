import { PackferryError } from '../core/errors.ts';
import { unreadablePublicKey, type KeyFile } from './key-envelope.ts';
import { loadPublicKey } from '../core/ssh-keys/loaded-key.ts';
import { type AskPassphrase, openPrivateKey } from './private-key.ts';
import { fingerprintOf, formatPublicKey } from './public-key.ts';
import { encodeSshsig, signedData, type SshSignature } from './sshsig.ts';
import { checkSignature } from './verify.ts';

/** Something that signs: a key file, an ssh-agent, or ssh-keygen with a key in hardware. */
export interface Signer {
  /** For instance `ssh-ed25519`. */
  readonly keyType: string;
  /** `SHA256:...`, as `ssh-keygen -l` prints it. */
  readonly fingerprint: string;
  /** `ssh-ed25519 AAAA...`, without a comment; or a certificate. */
  readonly publicKey: string;
  /** Whatever text stands with the key. */
  readonly comment: string;
  /** The armored SSHSIG file of a message (OpenSSH, PROTOCOL.sshsig). Every signature is checked before it is given out. */
  sign(message: Uint8Array, namespace: string): Promise<string>;
}

/** Those who sign one thing together: one at least, each with another key. */
export type Signers = readonly [Signer, ...Signer[]];

/** A public key, and whatever can use its private half. */
export interface KeyHolder {
  /** The file, for messages. */
  readonly name: string;
  /** As an SSH blob; may be a certificate. */
  readonly publicKey: Buffer;
  readonly comment: string;
  /** Signs for a namespace. What comes back is not believed. */
  readonly sign: (message: Uint8Array, namespace: string) => Promise<SshSignature>;
}

/**
 * Opens a private key file in OpenSSH's format. `passphrase` is asked only when the key is encrypted. Errors:
 * `E_KEY_UNREADABLE`, `E_KEY_UNSUPPORTED`, `E_KEY_PASSPHRASE`.
 */
export async function openSigner(keyFile: KeyFile, passphrase?: AskPassphrase): Promise<Signer> {
  const { type, privateKey, publicKey, comment } = await openPrivateKey(keyFile, passphrase);
  return signerOf({
    name: keyFile.name,
    publicKey,
    comment,
    sign: signingData(publicKey, (data) => Promise.resolve(type.sign(privateKey, data))),
  });
}

/** Makes SSHSIG out of what signs bare bytes: `sign` gives algorithm name and signature, as they stand in SSHSIG. */
export function signingData(publicKey: Buffer, sign: (data: Buffer) => Promise<Buffer>): KeyHolder['sign'] {
  return async (message, namespace) => {
    const signature = await sign(signedData(namespace, 'sha512', message));
    return { publicKey, namespace, hash: 'sha512', signature };
  };
}

/** Makes SSHSIG files with a key, wherever it is kept. `E_KEY_UNAVAILABLE` when that made no good signature. */
export function signerOf({ name, publicKey, comment, sign }: KeyHolder): Signer {
  const key = loadPublicKey(publicKey, unreadablePublicKey(name));
  const { certificate, type, plain } = key;
  const keyType = certificate === undefined ? type.name : type.certificateName;
  return {
    keyType,
    fingerprint: fingerprintOf(plain),
    publicKey: formatPublicKey({ type: keyType, blob: publicKey }),
    comment,
    async sign(message, namespace) {
      if (namespace === '') throw new PackferryError('E_USAGE', 'a signature needs a namespace');
      const signature = await sign(message, namespace);
      try {
        checkSignature(signature, { signatureName: 'the new signature', namespace, message });
      } catch (cause) {
        throw wrongSignature(name, cause);
      }
      if (!signature.publicKey.equals(publicKey)) throw wrongSignature(name);
      return encodeSshsig(signature);
    },
  };
}

function wrongSignature(name: string, cause?: unknown): PackferryError {
  return new PackferryError('E_KEY_UNAVAILABLE', `${name}: what was asked to sign made no good signature`, {
    hint: 'Nothing was signed. Check the agent, the security key or the memory of this machine.',
    ...(cause === undefined ? {} : { cause }),
  });
}
