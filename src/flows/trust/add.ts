import path from 'node:path';
import type { Owner } from '../../bundle/lock-file.ts';
import { PackferryError } from '../../core/errors.ts';
import { reportVersion } from '../../schema/reports.ts';
import type { TrustAddReport } from '../../schema/reports-trust.ts';
import { parseAllowedLine, type AllowedSigner } from '../../trust/allowed-line.ts';
import { signerLine } from '../../trust/allowed-signers-line.ts';
import { parseAllowedSigners, parseSignerLines } from '../../trust/allowed-signers.ts';
import type { GivenKey } from '../../trust/given-key.ts';
import { matchesPatternList } from '../../core/pattern-list.ts';
import { fingerprintOf } from '../../trust/public-key.ts';
import { revocationOf, type RevokedKeys } from '../../trust/revoked-keys.ts';
import { trustUpdateNamespace } from '../../trust/trust-update.ts';
import { bundleNamespace } from '../../trust/verify.ts';
import { appendLines } from './append.ts';
import { readTrustTexts, withTrustFolder, writeTrustFile } from './folder.ts';
import { reportKey } from './key-report.ts';

export interface AddKeyOptions {
  /** The folder of the files of trust. Made when it is not there. */
  readonly folder: string;
  readonly owner: Owner;
  readonly given: GivenKey;
  /** The signer's name; default: the one of the line that was given. */
  readonly principal: string | undefined;
  /** The key signs certificates. Also when the line that was given says so. */
  readonly authority: boolean;
  /** Default: those of the line that was given. */
  readonly validAfter: Date | undefined;
  readonly validBefore: Date | undefined;
  /** Signatures by this key may also change the files of trust. */
  readonly mayUpdateTrust: boolean;
  /** Every list that counts: a revoked key is not taken. */
  readonly revoked: readonly RevokedKeys[];
  readonly now: Date;
  /** Called with what would be written before anything is: throws unless somebody has compared the fingerprint. */
  readonly confirm: (key: TrustAddReport['key']) => Promise<void>;
}

/**
 * Trusts a key: adds its line to allowed_signers, and touches nothing else in that file. The key that says the same there
 * already is no fault. Throws `E_USAGE`, `E_TRUST_CONFLICT`, `E_TRUST_INVALID` for a file that has mistakes,
 * `E_OUTPUT_UNWRITABLE`.
 */
export async function addTrustedKey(options: AddKeyOptions): Promise<TrustAddReport> {
  const { folder, owner, given, revoked, confirm } = options;
  const file = path.join(folder, 'allowed_signers');
  const seen = await readTrustTexts(folder);
  const signers = parseSignerLines(seen.allowed_signers ?? Buffer.alloc(0), file);
  const text = lineFor(options);
  const wanted = parseAllowedLine(text, 0, (reason) => new PackferryError('E_INTERNAL', reason));
  const there = signers.filter(({ key }) => key.blob.equals(given.key.blob));
  const key = reportKey(wanted);
  const others = signers
    .filter(
      ({ principals, key: { blob } }) =>
        principals.text === key.principals && !there.some((one) => one.key.blob.equals(blob)),
    )
    .map((signer) => ({ fingerprint: fingerprintOf(signer.key.blob), line: signer.line }));
  const report = { schemaVersion: reportVersion, file, key, others } as const;
  const found = there.find((signer) => grants(signer, wanted, options));
  if (found !== undefined) return { ...report, status: 'present', line: found.line, key: reportKey(found) };
  refuseOther(file, there);
  const revokedBy = revocationOf(given.key.blob, revoked);
  if (revokedBy !== undefined) {
    throw new PackferryError('E_TRUST_CONFLICT', `the key ${key.fingerprint} is revoked (${revokedBy})`, {
      hint: 'A revoked key is never trusted again: have its owner make a new one. Only if it was revoked by mistake, take it out of that file by hand.',
    });
  }
  const bytes = appendLines(seen.allowed_signers, [text]);
  const line = parseAllowedSigners(bytes, file).signers.at(-1)?.line ?? 0;
  await confirm(key);
  await withTrustFolder(folder, owner, seen, () => writeTrustFile(folder, 'allowed_signers', bytes));
  return { ...report, status: 'added', line };
}

/** Does a line that is there say all that was asked for, of the same signer? What it says besides, it has from before. */
function grants(there: AllowedSigner, wanted: AllowedSigner, options: AddKeyOptions): boolean {
  const { validAfter, validBefore, given } = options;
  const [old, fresh] = [reportKey(there), reportKey(wanted)];
  const namespaces = fresh.namespaces?.split(',') ?? [];
  const isTimed =
    (validAfter ?? validBefore ?? given.line?.validAfter ?? given.line?.validBefore) !== undefined;
  return (
    old.principals === fresh.principals &&
    old.authority === fresh.authority &&
    namespaces.every(
      (name) => there.namespaces === undefined || matchesPatternList(there.namespaces, name),
    ) &&
    (!isTimed || (old.validAfter === fresh.validAfter && old.validBefore === fresh.validBefore))
  );
}

function lineFor(options: AddKeyOptions): string {
  const { given, mayUpdateTrust, now } = options;
  if (given.certified !== undefined) {
    throw new PackferryError(
      'E_USAGE',
      'this is a certificate, and certificates are trusted by their authority',
      {
        hint: 'Give the public key of the authority and --authority; or the plain key (FILE.pub without -cert).',
      },
    );
  }
  const principal = options.principal ?? given.line?.principals.text;
  if (principal === undefined) {
    throw new PackferryError('E_USAGE', 'the key has no name yet', {
      hint: 'Give the name of its owner: --principal NAME, for instance soc-builder.',
    });
  }
  const validAfter = options.validAfter ?? given.line?.validAfter;
  const validBefore = options.validBefore ?? given.line?.validBefore;
  if (validBefore !== undefined && validBefore <= (validAfter ?? now)) {
    const why =
      validAfter !== undefined && validBefore <= validAfter
        ? 'its end lies before its start'
        : 'it has ended';
    throw new PackferryError('E_USAGE', `the key would never be valid: ${why}`, {
      hint: 'Give another --valid-before or --valid-after.',
    });
  }
  return signerLine(given.key, {
    principal,
    namespaces: [bundleNamespace, ...(mayUpdateTrust ? [trustUpdateNamespace] : [])],
    certAuthority: options.authority || given.line?.certAuthority === true,
    validAfter,
    validBefore,
  });
}

/** One key under two names would stand for two persons; with two sets of rights nobody knows which holds. */
function refuseOther(file: string, [there]: readonly AllowedSigner[]): void {
  if (there === undefined) return;
  throw new PackferryError(
    'E_TRUST_CONFLICT',
    `${file}:${there.line}: the key ${fingerprintOf(there.key.blob)} stands there already, as ${there.principals.text} and with other options`,
    { hint: 'Change that line with an editor, or remove it and add the key again.' },
  );
}
