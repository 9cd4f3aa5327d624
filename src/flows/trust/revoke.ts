import path from 'node:path';
import type { Owner } from '../../bundle/lock-file.ts';
import { PackferryError } from '../../core/errors.ts';
import { limits } from '../../core/limits.ts';
import { reportVersion } from '../../schema/reports.ts';
import type { TrustRevokeReport } from '../../schema/reports-trust.ts';
import type { AllowedSigner } from '../../trust/allowed-line.ts';
import { isFingerprint, readFingerprint } from '../../trust/fingerprint.ts';
import { isKeyText, readGivenKey } from '../../trust/given-key.ts';
import { typeNameOf } from '../../core/ssh-keys/loaded-key.ts';
import { plainNames } from '../../core/pattern-list.ts';
import { fingerprintOf, formatPublicKey } from '../../trust/public-key.ts';
import { quote } from '../../core/quote.ts';
import { parseRevokedKeys, type RevokedKeys } from '../../trust/revoked-keys.ts';
import { appendLines } from './append.ts';
import { readTrustTexts, withTrustFolder, writeTrustFile } from './folder.ts';
import { countingPrincipals } from './standing.ts';

export interface RevokeKeyOptions {
  /** The folder of the files of trust. Made when it is not there. */
  readonly folder: string;
  readonly owner: Owner;
  /** A fingerprint or principal among the known keys, the file of a public key, or the key itself. */
  readonly what: string;
  /** One line; it is written beside the key. */
  readonly reason: string;
  /** The trusted keys of every place, in which fingerprints and principals are looked up. */
  readonly known: readonly AllowedSigner[];
  /** The trusted keys that count here, and what is asked of them: for the warning that too few are left. */
  readonly counting: { readonly signers: readonly AllowedSigner[]; readonly threshold: number } | undefined;
  /** The lists of other places. */
  readonly otherLists: readonly RevokedKeys[];
  readonly now: Date;
  /** Asked with what would be written before anything is. */
  readonly approve: (report: TrustRevokeReport) => Promise<boolean>;
}

interface RevokedKey {
  readonly blob: Buffer;
  readonly comment: string;
}

/**
 * Revokes keys: adds them to revoked_keys with the time and the reason. allowed_signers stays as it is, for the list of
 * revoked keys wins. Keys that stand there already are no fault. Throws `E_USAGE` for an unknown key or an unfit reason,
 * `E_TRUST_INVALID` for a list that has mistakes, `E_OUTPUT_UNWRITABLE`.
 */
export async function revokeKey(options: RevokeKeyOptions): Promise<TrustRevokeReport> {
  const { folder, owner, reason, known, now, otherLists } = options;
  checkReason(reason);
  const file = path.join(folder, 'revoked_keys');
  const seen = await readTrustTexts(folder);
  const { lines } = parseRevokedKeys(seen.revoked_keys ?? Buffer.alloc(0), file);
  const found = await findKeys(options.what, known);
  const fresh = found.filter(({ blob }) => !lines.has(blob.toString('base64')));
  const keys = found.map(({ blob }): TrustRevokeReport['keys'][number] => ({
    fingerprint: fingerprintOf(blob),
    keyType: typeOf(blob),
    principals: principalsOf(blob, known),
    status: lines.has(blob.toString('base64')) ? 'present' : 'revoked',
  }));
  const bytes = appendLines(
    seen.revoked_keys,
    fresh.flatMap((key) => linesFor(key, reason, principalsOf(key.blob, known), now)),
  );
  const after = parseRevokedKeys(bytes, file);
  const report: TrustRevokeReport = {
    schemaVersion: reportVersion,
    status: 'revoked',
    file,
    reason,
    keys,
    ...remainingOf(options, [after, ...otherLists]),
  };
  if (fresh.length === 0) return { ...report, status: 'present' };
  if (!(await options.approve(report))) return { ...report, status: 'declined' };
  if (bytes.length > limits.revokedKeys)
    throw new PackferryError('E_LIMIT_EXCEEDED', `${file}: over the limit of ${limits.revokedKeys} bytes`, {
      hint: 'Take keys out of it that no allowed_signers file has any more.',
    });
  await withTrustFolder(folder, owner, seen, () => writeTrustFile(folder, 'revoked_keys', bytes));
  return report;
}

function checkReason(reason: string): void {
  if (reason.trim() !== '' && reason.length <= 500 && !/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u.test(reason)) return;
  throw new PackferryError('E_USAGE', 'the reason is no line of 1 to 500 characters', {
    hint: 'Say in one line why: --reason "laptop lost on the train".',
  });
}

/** The key that was named; of a principal, all its keys. Of a certificate, the key in it. */
async function findKeys(what: string, known: readonly AllowedSigner[]): Promise<RevokedKey[]> {
  if (isFingerprint(what)) {
    const fingerprint = readFingerprint(what);
    const [signer] = known.filter(({ key }) => fingerprintOf(key.blob) === fingerprint);
    if (signer !== undefined) return [signer.key];
    throw new PackferryError('E_USAGE', `no trusted key has the fingerprint ${fingerprint}`, {
      hint: 'Only a known key can be found by its fingerprint; give the public key itself, or its file. See: packferry trust list',
    });
  }
  const named = isKeyText(what)
    ? []
    : known.filter(({ principals }) => [principals.text, ...(plainNames(principals) ?? [])].includes(what));
  if (named.length > 0) return unique(named.map(({ key }) => key));
  const { key, certified } = await readGivenKey(what).catch((fault: unknown) => {
    if (!(fault instanceof PackferryError) || isKeyText(what)) throw fault;
    throw fault.with(`${fault.message}; and no trusted key has the principal ${quote(what)}`);
  });
  return [{ blob: certified ?? key.blob, comment: key.comment }];
}

function unique(keys: readonly RevokedKey[]): RevokedKey[] {
  return [...new Map(keys.map((key) => [key.blob.toString('base64'), key])).values()];
}

function principalsOf(blob: Buffer, known: readonly AllowedSigner[]): string[] {
  const lines = known.filter(({ key }) => key.blob.equals(blob));
  return [...new Set(lines.map(({ principals }) => principals.text))];
}

function linesFor(
  { blob, comment }: RevokedKey,
  reason: string,
  principals: readonly string[],
  now: Date,
): string[] {
  const who = principals.length === 0 ? '' : ` (${principals.join(', ')})`;
  const words = comment === '' || /\p{C}/u.test(comment) ? '' : ` ${comment}`;
  return [
    `# revoked ${now.toISOString().slice(0, 19)}Z${who}: ${reason.trim()}`,
    `${formatPublicKey({ type: typeOf(blob), blob })}${words}`,
  ];
}

function typeOf(blob: Buffer): string {
  return typeNameOf(blob, (reason) => new PackferryError('E_INTERNAL', reason));
}

function remainingOf(
  { counting, now }: RevokeKeyOptions,
  revoked: readonly RevokedKeys[],
): Pick<TrustRevokeReport, 'remaining'> {
  const principals = counting && countingPrincipals(counting.signers, revoked, now);
  return principals === undefined || counting === undefined
    ? {}
    : { remaining: { principals, threshold: counting.threshold } };
}
