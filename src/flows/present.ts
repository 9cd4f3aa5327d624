import { checkSignature, openBundle } from '../bundle/open.ts';
import { PackferryError } from '../core/errors.ts';
import { silent } from '../core/events.ts';
import type { BundleDocument } from '../schema/bundle.ts';
import { onlySigner } from '../trust/only-signer.ts';
import type { Signer } from '../trust/signer.ts';
import type { ExportOptions } from './export.ts';

type PresentOptions = Pick<ExportOptions, 'dir' | 'signers' | 'now' | 'emit' | 'signal'>;

/** "Already there" is said only of a bundle that is whole and signed by all of these keys. */
export async function checkPresent(
  { dir, signers, now, emit, signal }: PresentOptions,
  { audience }: BundleDocument,
): Promise<void> {
  const [first, ...others] = signers;
  // This is not one of the sites, but where the bundle is made.
  const site = audience?.[0];
  const missing: PackferryError[] = [];
  const noteMissing = (signer: Signer) => (fault: unknown) => {
    if (!(fault instanceof PackferryError)) throw fault;
    if (fault.code !== 'E_SIGNER_UNTRUSTED')
      throw fault.with(`${dir} holds this bundle, but it is damaged: ${fault.message}`);
    missing.push(notSignedBy(signer, fault));
  };
  await openBundle(dir, { allowed: onlySigner(first), now, emit, signal, site }).catch(noteMissing(first));
  for (const signer of others) {
    const allowed = onlySigner(signer);
    await checkSignature(dir, { allowed, now, emit: silent }).catch(noteMissing(signer));
  }
  const [one] = missing;
  if (one === undefined) return;
  if (missing.length < signers.length) throw lacking(dir, missing);
  const message =
    signers.length === 1
      ? `${dir} holds this bundle, but signed by another key than ${first.fingerprint}`
      : `${dir} holds this bundle, but signed by other keys than these`;
  throw new PackferryError('E_OUTPUT_EXISTS', message, {
    hint: `Give another folder, or the key that signed it. To add a signature: packferry sign ${dir} --key FILE`,
    cause: one,
  });
}

function notSignedBy({ fingerprint }: Signer, cause: unknown): PackferryError {
  return new PackferryError('E_OUTPUT_EXISTS', `the key ${fingerprint} has not signed it`, { cause });
}

function lacking(dir: string, missing: readonly PackferryError[]): PackferryError {
  const what = missing.map(({ message }) => message).join('; ');
  return new PackferryError('E_OUTPUT_EXISTS', `${dir} holds this bundle, but ${what}`, {
    hint: `Add what is missing with: packferry sign ${dir} --key FILE`,
  });
}
