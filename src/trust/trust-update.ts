import { createHash } from 'node:crypto';
import { PackferryError } from '../core/errors.ts';
import { parseStrictJson } from '../core/json.ts';
import { limits } from '../core/limits.ts';
import { trustUpdateSchema, type TrustUpdateDocument } from '../schema/trust-update.ts';
import { parseAllowedSigners, type AllowedSigners } from './allowed-signers.ts';
import { parsePolicy, type TrustPolicy } from './read-policy.ts';
import { parseRevokedKeys, type RevokedKeys } from './revoked-keys.ts';

/** The namespace of signatures over updates of the files of trust. */
export const trustUpdateNamespace = 'trust-update@packferry';

/** An update that was read: well formed, and signed by nobody as far as this knows. */
export interface TrustUpdate {
  /** The version that it makes. */
  readonly version: number;
  readonly document: TrustUpdateDocument;
  /** The bytes that are signed, and their sha256 in hex. */
  readonly bytes: Buffer;
  readonly sha256: string;
  readonly allowed: AllowedSigners;
  readonly revoked: RevokedKeys;
  readonly policy: TrustPolicy;
  /** The text of `policy.json`. */
  readonly policyText: string;
}

/**
 * Reads an update, and every file in it as strictly as these are read alone. `E_UPDATE_INVALID` says what is wrong, with
 * the lines of the file in it.
 */
export function parseTrustUpdate(bytes: Buffer, name: string): TrustUpdate {
  try {
    const document = parseDocument(bytes, name);
    const policyText = `${JSON.stringify(document.policy, null, 2)}\n`;
    const update = {
      version: document.version,
      document,
      bytes,
      sha256: createHash('sha256').update(bytes).digest('hex'),
      allowed: parseAllowedSigners(Buffer.from(document.allowedSigners), `${name}: allowedSigners`),
      revoked: parseRevokedKeys(Buffer.from(document.revokedKeys), `${name}: revokedKeys`),
      policy: parsePolicy(Buffer.from(policyText), `${name}: policy`),
      policyText,
    };
    if (update.policy.version === update.version) return update;
    throw new PackferryError(
      'E_UPDATE_INVALID',
      `${name}: it makes version ${update.version}, but the policy in it is of version ${update.policy.version}`,
      { hint: anew },
    );
  } catch (cause) {
    throw invalid(cause);
  }
}

/** What to do about an update that makes no sense. */
const anew = 'Ask for it again: "packferry trust propose" makes one that does.';

function parseDocument(bytes: Buffer, name: string): TrustUpdateDocument {
  const parsed = trustUpdateSchema.safeParse(parseStrictJson(bytes, { name, maxBytes: limits.trustUpdate }));
  if (parsed.success) return parsed.data;
  const words = parsed.error.issues.map(({ path, message }) => [...path.map(String), message].join(': '));
  throw new PackferryError(
    'E_UPDATE_INVALID',
    `${name}: no update of trusted files that this packferry knows: ${words.join('; ')}`,
    { hint: anew, cause: parsed.error },
  );
}

function invalid(cause: unknown): unknown {
  if (!(cause instanceof PackferryError)) return cause;
  const { message, errors } = cause;
  const hint = 'Updates are made by "packferry trust propose". Get this one again from who made it.';
  return new PackferryError('E_UPDATE_INVALID', message, { hint, cause, errors });
}
