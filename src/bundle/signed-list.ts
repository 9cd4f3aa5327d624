import { createHash } from 'node:crypto';
import { asPackferryError, PackferryError } from '../core/errors.ts';
import type { Emit } from '../core/events.ts';
import { limits } from '../core/limits.ts';
import type { AllowedSigners } from '../trust/allowed-signers.ts';
import { defaultPolicy, type TrustPolicy } from '../trust/read-policy.ts';
import { checkThreshold } from '../trust/threshold.ts';
import { bundleNamespace, verifyDetached, type VerifiedSigner } from '../trust/verify.ts';
import { readBundleFile, type FolderListing } from './folder.ts';
import { bundleFiles } from './names.ts';
import { parseSums, type Sums } from './sums.ts';

export interface SignatureOptions {
  readonly allowed: AllowedSigners;
  /** What this site asks for besides; without one, a single trusted signature will do. */
  readonly policy?: TrustPolicy;
  /** The one reading of the clock: decides on expiry and on the validity of keys. */
  readonly now: Date;
  readonly emit: Emit;
}

/** The list of a bundle, after its signatures were found good. */
export interface SignedList {
  readonly sums: Sums;
  readonly signers: readonly VerifiedSigner[];
  /** sha256 in hex of the list itself. */
  readonly sumsSha256: string;
}

/** Every signature file must be good, and enough of them by trusted principals: one, or as many as the policy asks for. */
export async function checkSignatures(
  dir: string,
  listing: FolderListing,
  options: SignatureOptions,
): Promise<SignedList> {
  for (const name of [bundleFiles.sums, bundleFiles.signature]) {
    if (!listing.files.has(name)) {
      throw new PackferryError('E_BUNDLE_INCOMPLETE', `${dir}: ${name} is missing`, {
        hint: 'Without it nothing can be verified. Copy the whole bundle again.',
      });
    }
  }
  const message = await readBundleFile(dir, bundleFiles.sums, limits.sums);
  const { allowed, policy = defaultPolicy, now } = options;
  const trust = { allowed, namespace: bundleNamespace, now };
  const signers: VerifiedSigner[] = [];
  const untrusted: PackferryError[] = [];
  for (const name of listing.signatures) {
    const signature = await readBundleFile(dir, name, limits.signature);
    try {
      const userVerification = policy.requireUserVerification;
      signers.push(verifyDetached({ message, signature, signatureName: name, ...trust, userVerification }));
    } catch (fault) {
      const error = asPackferryError(fault);
      if (error.code !== 'E_SIGNER_UNTRUSTED') throw error;
      untrusted.push(error);
    }
  }
  const [first] = untrusted;
  if (signers.length === 0 && first !== undefined) throw first;
  for (const error of untrusted) options.emit({ type: 'note', level: 'warning', message: error.message });
  checkThreshold(signers, { name: dir, ...trust, policy });
  return {
    sums: parseSums(message.toString('utf8')),
    signers,
    sumsSha256: createHash('sha256').update(message).digest('hex'),
  };
}

/** Reads a file of the list, and compares it with what the list says. Throws `E_DIGEST_MISMATCH`. */
export async function readSigned(dir: string, name: string, maxBytes: number, sums: Sums): Promise<Buffer> {
  const expected = sums.get(name);
  if (expected === undefined)
    throw new PackferryError('E_BUNDLE_MALFORMED', `${name} is not on the signed list`);
  const bytes = await readBundleFile(dir, name, maxBytes);
  const got = createHash('sha256').update(bytes).digest('hex');
  if (got === expected) return bytes;
  throw damaged(name, expected, got);
}

/** The error for a file that is not what was signed. */
export function damaged(name: string, expected: string, got: string): PackferryError {
  return new PackferryError('E_DIGEST_MISMATCH', `${name}: expected sha256 ${expected}, got ${got}`, {
    hint: 'The file was damaged or changed on its way. Copy the bundle again.',
  });
}
