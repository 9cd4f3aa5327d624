import { createHash } from 'node:crypto';
import { PackferryError } from '../core/errors.ts';
import type { AllowedSigners } from './allowed-signers.ts';
import { parsePatternList } from '../core/pattern-list.ts';
import { parsePublicKey } from './public-key.ts';
import { typeNameOf } from '../core/ssh-keys/loaded-key.ts';
import type { Signer } from './signer.ts';

/** Trust in one signer and nobody else; of a certificate, in those of its authority. */
export function onlySigner({ publicKey }: Pick<Signer, 'publicKey'>): AllowedSigners {
  const fail = (reason: string): PackferryError => new PackferryError('E_KEY_UNREADABLE', reason);
  const { type, blob, comment, loaded } = parsePublicKey(publicKey, fail);
  const principals = parsePatternList('*');
  if (principals === undefined) throw new PackferryError('E_INTERNAL', 'the pattern for everybody is none');
  const { certificate } = loaded;
  const authority = certificate?.authority;
  return {
    name: 'the signing key',
    sha256: createHash('sha256').update(publicKey).digest('hex'),
    signers: [
      authority === undefined
        ? { line: 1, principals, key: { type, blob, comment } }
        : {
            line: 1,
            principals,
            certAuthority: true,
            key: { type: typeNameOf(authority, fail), blob: authority, comment },
          },
    ],
  };
}
