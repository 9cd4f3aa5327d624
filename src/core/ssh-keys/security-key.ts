import { createHash, type KeyObject } from 'node:crypto';
import { p256, readPoint, verifyEcdsa } from './ecdsa.ts';
import { readEd25519Key, verifyEd25519 } from './ed25519.ts';
import { type KeyType, readSignatureBytes } from './key-type.ts';
import { type Fail, WireReader } from './wire.ts';

/** Flags of a FIDO signature (OpenSSH, PROTOCOL.u2f). */
const flags = { userPresent: 0x01, userVerified: 0x04 } as const;

interface Mathematics {
  readonly readKey: (reader: WireReader, fail: Fail) => KeyObject;
  readonly verify: (key: KeyObject, bytes: Buffer, data: Buffer, fail: Fail) => boolean;
}

/**
 * Keys in FIDO hardware. They sign not the data but hashes of application and data, with flags and a counter between
 * them. A signature that nobody had to touch the key for is refused; ssh-keygen only logs that.
 */
function securityKey(stem: string, { readKey, verify }: Mathematics): KeyType {
  const name = `${stem}@openssh.com`;
  return {
    name,
    certificateName: `${stem}-cert-v01@openssh.com`,
    readKey(keyReader, fail) {
      const key = readKey(keyReader, fail);
      const application = sha256(keyReader.string('the application'));
      return (signature, data, failSignature) => {
        const reader = new WireReader(signature, failSignature);
        const bytes = readSignatureBytes(reader, name, failSignature);
        const flagsAndCounter = reader.raw(5, 'flags and counter');
        reader.end('the counter');
        const signed = Buffer.concat([application, flagsAndCounter, sha256(data)]);
        if (!verify(key, bytes, signed, failSignature)) return undefined;
        const [set = 0] = flagsAndCounter;
        if ((set & flags.userPresent) === 0)
          throw failSignature('nobody touched the security key when it was made');
        return { userVerified: (set & flags.userVerified) !== 0 };
      };
    },
  };
}

function sha256(bytes: Buffer): Buffer {
  return createHash('sha256').update(bytes).digest();
}

export const skEd25519 = securityKey('sk-ssh-ed25519', { readKey: readEd25519Key, verify: verifyEd25519 });

export const skEcdsaP256 = securityKey('sk-ecdsa-sha2-nistp256', {
  readKey: (reader, fail) => readPoint(reader, p256, fail),
  verify: (key, numbers, data, fail) => verifyEcdsa(key, p256, numbers, data, fail),
});
