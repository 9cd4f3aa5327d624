import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { messageOf, PackferryError } from '../../core/errors.ts';
import { limits } from '../../core/limits.ts';
import { readSmallFile } from '../../trust/read-file.ts';
import { parseTrustUpdate, type TrustUpdate } from '../../trust/trust-update.ts';
import type { UpdateSignature } from '../../trust/update-signers.ts';

/** An update with the signatures that lie beside it. */
export interface SignedUpdate {
  readonly update: TrustUpdate;
  readonly signatures: readonly UpdateSignature[];
}

/** More would only cost time. */
const mostSignatures = 100;

/**
 * Reads an update and `FILE.sig`, `FILE.2.sig`, ... beside it, as `ssh-keygen -Y sign` names the first. Says nothing of
 * trust. Throws `E_UPDATE_INVALID`.
 */
export async function readSignedUpdate(file: string): Promise<SignedUpdate> {
  const { bytes } = await readSmallFile(file, {
    maxBytes: limits.trustUpdate,
    code: 'E_UPDATE_INVALID',
    hint: 'Name the file that "packferry trust propose" has made; its signatures belong beside it.',
  });
  const update = parseTrustUpdate(bytes, file);
  const folder = path.dirname(file);
  const names = await signatureNames(file);
  const signatures = await Promise.all(
    names.map(async (name) => {
      const options = {
        maxBytes: limits.signature,
        code: 'E_UPDATE_INVALID',
        hint: 'Make it readable.',
      } as const;
      return { name, bytes: (await readSmallFile(path.join(folder, name), options)).bytes };
    }),
  );
  return { update, signatures };
}

/** The name of the signature file of the nth signer of an update, counted from 1. */
export function signatureName(file: string, number: number): string {
  return `${path.basename(file)}${number === 1 ? '' : `.${number}`}.sig`;
}

async function signatureNames(file: string): Promise<string[]> {
  const base = path.basename(file);
  const found = await readdir(path.dirname(file)).catch((cause: unknown) => {
    throw new PackferryError('E_UPDATE_INVALID', `${path.dirname(file)}: ${messageOf(cause)}`, {
      hint: 'Make the folder of the update readable: its signatures lie there.',
      cause,
    });
  });
  const numbers = found.flatMap((name) => {
    const rest = name.startsWith(base) ? name.slice(base.length) : '';
    const [whole, number] = /^(?:\.([1-9][0-9]{0,2}))?\.sig$/.exec(rest) ?? [];
    return whole === undefined || number === '1' ? [] : [Number(number ?? 1)];
  });
  if (numbers.length > mostSignatures) {
    throw new PackferryError('E_UPDATE_INVALID', `${file}: over the limit of ${mostSignatures} signatures`, {
      hint: 'Remove those of signers who do not count here.',
    });
  }
  return numbers.sort((a, b) => a - b).map((number) => signatureName(file, number));
}
