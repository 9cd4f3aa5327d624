import path from 'node:path';
import { PackferryError, systemCodeOf } from '../../core/errors.ts';
import { limits } from '../../core/limits.ts';
import { readSmallFile } from '../../trust/read-file.ts';

/** The files that say whom a site trusts, in one folder. */
export const trustFileNames = ['allowed_signers', 'revoked_keys', 'policy.json'] as const;

export type TrustFile = (typeof trustFileNames)[number];

/** Their bytes; undefined for those that are not there. */
export type TrustTexts = Readonly<Record<TrustFile, Buffer | undefined>>;

const sizes: Readonly<Record<TrustFile, number>> = {
  allowed_signers: limits.allowedSigners,
  revoked_keys: limits.revokedKeys,
  'policy.json': limits.policy,
};

/** Reads one of the files; undefined when there is none. Throws `E_TRUST_UNREADABLE`. */
export async function readTrustFile(folder: string, name: TrustFile): Promise<Buffer | undefined> {
  try {
    const { bytes } = await readSmallFile(path.join(folder, name), {
      maxBytes: sizes[name],
      code: 'E_TRUST_UNREADABLE',
      hint: 'Make it readable.',
    });
    return bytes;
  } catch (fault) {
    if (fault instanceof PackferryError && ['ENOENT', 'ENOTDIR'].includes(systemCodeOf(fault.cause) ?? ''))
      return undefined;
    throw fault;
  }
}
