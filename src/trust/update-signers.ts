import { asPackferryError, PackferryError } from '../core/errors.ts';
import type { AllowedSigners } from './allowed-signers.ts';
import { countPrincipals } from './principals.ts';
import { quote } from '../core/quote.ts';
import type { TrustPolicy } from './read-policy.ts';
import type { RevokedKeys } from './revoked-keys.ts';
import { trustUpdateNamespace, type TrustUpdate } from './trust-update.ts';
import { verifyDetached, type VerifiedSigner } from './verify.ts';

/** A signature file beside an update. */
export interface UpdateSignature {
  readonly name: string;
  readonly bytes: Buffer;
}

/** One version of the files of trust, as far as it decides on an update. */
export interface UpdateJudge {
  readonly allowed: AllowedSigners;
  readonly policy: Pick<TrustPolicy, 'threshold' | 'requireUserVerification' | 'version'>;
}

export interface UpdateVerdict {
  /** One for each signature that counts. */
  readonly signers: readonly VerifiedSigner[];
  /** The different persons behind them, by the rule that holds for bundles too. */
  readonly principals: readonly string[];
  /** Why other signatures do not count, or add nobody. */
  readonly refusals: readonly PackferryError[];
}

export interface UpdateQuestion {
  readonly update: Pick<TrustUpdate, 'bytes' | 'version'>;
  readonly signatures: readonly UpdateSignature[];
  /** Every list that counts. Keys in them count for no version, for a stolen key must not choose its successor. */
  readonly revoked: readonly RevokedKeys[];
  readonly now: Date;
}

/** Whose signatures a version of the files of trust counts. `E_SIGNATURE_INVALID` for a signature that is broken, whoever made it. */
export function judgeUpdate(
  { allowed, policy }: UpdateJudge,
  { update, signatures, revoked, now }: UpdateQuestion,
): UpdateVerdict {
  const signers: VerifiedSigner[] = [];
  const refusals: PackferryError[] = [];
  for (const { name, bytes } of signatures) {
    try {
      signers.push(
        verifyDetached({
          message: update.bytes,
          signature: bytes,
          signatureName: name,
          allowed: { ...allowed, revoked },
          namespace: trustUpdateNamespace,
          now,
          userVerification: policy.requireUserVerification,
        }),
      );
    } catch (fault) {
      const error = asPackferryError(fault);
      if (error.code !== 'E_SIGNER_UNTRUSTED') throw error;
      refusals.push(error);
    }
  }
  const { counted, surplus } = countPrincipals(signers, allowed);
  for (const { signer, reason } of surplus) {
    const who = `${quote(signer.principal)} (${signer.fingerprint})`;
    refusals.push(new PackferryError('E_UPDATE_SIGNERS', `${who} adds nobody: ${reason}`));
  }
  return { signers, principals: counted.map(({ principal }) => principal), refusals };
}

/**
 * The rule of TUF (specification, "key rotation"): as many different principals as the threshold asks must have signed, of
 * the version that is there and of the one that comes. Throws `E_UPDATE_SIGNERS` for the first that has too few.
 */
export function requireUpdateSigners(
  judges: { readonly before: UpdateJudge; readonly after: UpdateJudge },
  question: UpdateQuestion,
): { readonly before: UpdateVerdict; readonly after: UpdateVerdict } {
  const before = judgeUpdate(judges.before, question);
  requireEnough(before, judges.before.policy.threshold, question, `the trusted files that are there`);
  const after = judgeUpdate(judges.after, question);
  requireEnough(after, judges.after.policy.threshold, question, `the files that it brings`);
  return { before, after };
}

function requireEnough(
  { principals, refusals }: UpdateVerdict,
  threshold: number,
  { update, signatures }: UpdateQuestion,
  whose: string,
): void {
  if (principals.length >= threshold) return;
  const who = principals.length === 0 ? 'none of them' : `only ${principals.join(', ')}`;
  throw new PackferryError(
    'E_UPDATE_SIGNERS',
    `update ${update.version} of the trusted files has ${signatures.length} signatures; ${whose} want those of ${threshold} different principals and count ${who}`,
    {
      hint: 'Nothing was changed. Let more of those sign it who may: packferry trust sign FILE --key KEY. Keys need namespaces="bundle@packferry,trust-update@packferry" (trust add --may-update-trust).',
      errors: refusals,
    },
  );
}
