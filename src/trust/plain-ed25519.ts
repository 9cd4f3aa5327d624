import { createPrivateKey, type KeyObject } from 'node:crypto';
import { ed25519 } from '../core/ssh-keys/ed25519.ts';
import { type Fail, WireReader } from '../core/ssh-keys/wire.ts';

const seedSize = 32;

/** A private key as its file has it. */
export interface PlainKey {
  readonly type: string;
  readonly key: KeyObject;
  readonly comment: string;
}

/** Reads the private part of an Ed25519 key that is not encrypted, to the last byte (OpenSSH, PROTOCOL.key). */
export function openPlainEd25519(sealed: Buffer, fail: Fail): PlainKey {
  const reader = new WireReader(sealed, fail);
  if (reader.uint32('the check number') !== reader.uint32('the check number'))
    throw fail('its check numbers differ');
  const type = reader.text('the type of the private part');
  if (type !== ed25519.name) throw fail('its private and public parts are of different types');
  const point = reader.string('the Ed25519 key');
  const secret = reader.string('the Ed25519 secret');
  const comment = reader.string('the comment').toString('utf8');
  checkFilling(reader.raw(sealed.length - reader.offset, 'the filling'), fail);
  const [seed, again] = [secret.subarray(0, seedSize), secret.subarray(seedSize)];
  if (seed.length !== seedSize || !again.equals(point)) throw fail('its private part is malformed');
  const key = createPrivateKey({
    key: { kty: 'OKP', crv: 'Ed25519', d: seed.toString('base64url'), x: point.toString('base64url') },
    format: 'jwk',
  });
  return { type, key, comment };
}

/** Behind the fields come 1, 2, 3, ... up to the end of a block. */
function checkFilling(filling: Buffer, fail: Fail): void {
  if (filling.some((byte, at) => byte !== at + 1)) throw fail('its filling is wrong');
}
