import { createHash } from 'node:crypto';
import { addSignature } from '../bundle/add-signature.ts';
import { readBundleFile } from '../bundle/folder.ts';
import { bundleFiles } from '../bundle/names.ts';
import { checkSignature, openBundle, type VerifiedBundle } from '../bundle/open.ts';
import { PackferryError } from '../core/errors.ts';
import type { Emit } from '../core/events.ts';
import { limits } from '../core/limits.ts';
import { reportVersion } from '../schema/reports.ts';
import type { SignReport } from '../schema/reports-sign.ts';
import type { AllowedSigners } from '../trust/allowed-signers.ts';
import { judgeSigner, refuseSecond } from '../trust/new-signer.ts';
import type { Signer } from '../trust/signer.ts';
import { bundleNamespace, verifyDetached, type VerifiedSigner } from '../trust/verify.ts';
import { bundleHead, reportSigner, reportSigners } from './report.ts';

export interface SignOptions {
  readonly dir: string;
  readonly signer: Signer;
  /** The file of the key, for messages. */
  readonly keyName: string;
  /** Must admit those who have signed so far, and the new signer. */
  readonly allowed: AllowedSigners;
  readonly now: Date;
  /** The new signer's own list of digests: see `checkWitness`. */
  readonly witness?: string | undefined;
  /** Asked when everything has been checked; what a person then vouches for is in the plan. */
  readonly approve: (plan: SignPlan) => Promise<boolean>;
  readonly emit: Emit;
  readonly signal: AbortSignal;
}

export interface SignPlan {
  readonly bundle: VerifiedBundle;
  readonly signer: VerifiedSigner;
}

/**
 * Adds the signature of one more person to a finished bundle. The signatures that are there and every byte are verified
 * first, for a second signature vouches for the whole. Nothing else in the folder is touched. Besides the errors of
 * `openBundle`: `E_KEY_NOT_VALID`, `E_SIGNED_ALREADY`, `E_OUTPUT_UNWRITABLE`.
 */
export async function signBundle(options: SignOptions): Promise<SignReport> {
  const { dir, signer, keyName: name, allowed, now, emit, signal, witness } = options;
  const trust = { allowed, namespace: bundleNamespace, now };
  const who = judgeSigner(signer, { name, ...trust });
  // Before the archives are read, which takes long.
  const signed = await checkSignature(dir, { allowed, now, emit: () => undefined });
  refuseSecond(who, signed.signers, allowed);

  // This is not one of the sites of its audience.
  const site = signed.document.audience?.[0];
  const bundle = await openBundle(dir, { allowed, now, emit, signal, site, witness });
  if (!(await options.approve({ bundle, signer: who }))) return reportOf(bundle);
  signal.throwIfAborted();

  const list = await readVerified(bundle);
  emit({ type: 'started', task: 'sign', item: bundleFiles.sums });
  const text = await signer.sign(list, bundleNamespace);
  const signature = Buffer.from(text);
  const verified = verifyDetached({ message: list, signature, signatureName: name, ...trust });
  signal.throwIfAborted();
  const file = await addSignature(dir, text);
  emit({ type: 'done', task: 'sign', item: bundleFiles.sums, detail: `key ${signer.fingerprint}` });
  return { ...reportOf(bundle), added: { file, ...reportSigner(verified) } };
}

/** The list once more, and the same: what is signed is what was verified. */
async function readVerified({ dir, sumsSha256 }: VerifiedBundle): Promise<Buffer> {
  const list = await readBundleFile(dir, bundleFiles.sums, limits.sums);
  if (createHash('sha256').update(list).digest('hex') === sumsSha256) return list;
  throw new PackferryError('E_DIGEST_MISMATCH', `${bundleFiles.sums} has changed since it was verified`, {
    hint: 'Nothing was signed. Find out what writes into the bundle, and run this again.',
  });
}

function reportOf({ dir, document, signers, sumsSha256 }: VerifiedBundle): SignReport {
  return {
    schemaVersion: reportVersion,
    ...bundleHead(dir, document),
    sumsSha256,
    images: document.images.map(({ reference, manifest: { digest } }) => ({ reference, manifest: digest })),
    signers: reportSigners(signers),
  };
}
