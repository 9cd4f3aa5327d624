import * as z from 'zod';
import { reportVersion } from './reports.ts';
import { size, utcTime } from './parts.ts';

const schemaVersion = z.literal(reportVersion);

/** What a line of allowed_signers says. Times are in UTC; absent: without an end. */
const trustedKey = z.object({
  /** Names or patterns, as written. */
  principals: z.string(),
  keyType: z.string(),
  fingerprint: z.string(),
  /** The key signs certificates. */
  authority: z.boolean(),
  /** As written; absent: everything. */
  namespaces: z.string().exactOptional(),
  validAfter: utcTime.exactOptional(),
  validBefore: utcTime.exactOptional(),
});

/** What `trust add --json` prints. */
export const trustAddReport = z.object({
  schemaVersion,
  status: z.enum(['added', 'present']),
  file: z.string(),
  line: size,
  key: trustedKey,
  /** Other keys of the same principal in the file. */
  others: z.array(z.object({ fingerprint: z.string(), line: size })),
});

/** What `trust list --json` prints. */
export const trustListReport = z.object({
  schemaVersion,
  places: z.array(
    z.object({
      folder: z.string(),
      /** Do its trusted keys count here? Those of the machine do before those of the user. */
      counts: z.boolean(),
      keys: z.array(
        z.object({
          ...trustedKey.shape,
          file: z.string(),
          line: size,
          status: z.enum(['good', 'revoked', 'expired', 'not yet valid', 'not for bundles']),
          /** Where it is revoked. */
          revokedBy: z.string().exactOptional(),
        }),
      ),
      /** How many keys its revoked_keys lists; absent: there is no such file. Every such file counts. */
      revokedKeys: size.exactOptional(),
      version: size,
      threshold: size,
      /** The policy.json that says so; absent: there is none, and the defaults hold. */
      policy: z.string().exactOptional(),
      /** A signed update was cut off; it counts, and the next "trust" command that writes finishes it. */
      unfinishedUpdate: z.boolean(),
    }),
  ),
});

/** What `trust revoke --json` prints. */
export const trustRevokeReport = z.object({
  schemaVersion,
  /** `declined`: nothing was written, since somebody said no. */
  status: z.enum(['revoked', 'present', 'declined']),
  file: z.string(),
  reason: z.string(),
  keys: z.array(
    z.object({
      fingerprint: z.string(),
      keyType: z.string(),
      /** By the trusted keys. */
      principals: z.array(z.string()),
      status: z.enum(['revoked', 'present']),
    }),
  ),
  /** Principals whose bundles would still count, and how many must have signed one. Absent where an authority speaks for any number. */
  remaining: z.object({ principals: z.array(z.string()), threshold: size }).exactOptional(),
});

const signer = z.object({ principal: z.string(), fingerprint: z.string(), keyType: z.string() });

/** What changes from one version to the next. */
const trustChanges = z.object({
  added: z.array(trustedKey),
  removed: z.array(trustedKey),
  /** Fingerprints that are withdrawn from now on. */
  revoked: z.array(z.string()),
  /** Fingerprints that are revoked here, and stay so although the update does not list them. */
  keptRevoked: z.array(z.string()),
  policy: z.array(z.object({ rule: z.string(), before: z.unknown(), after: z.unknown() })),
});

/** What `trust update --json` prints. */
export const trustUpdateReport = z.object({
  schemaVersion,
  status: z.enum(['updated', 'present', 'would update', 'declined']),
  folder: z.string(),
  /** The versions before and after. */
  from: size,
  to: size,
  changes: trustChanges.exactOptional(),
  /** Whose signatures counted, by the files before and after. */
  signers: z.object({ before: z.array(signer), after: z.array(signer) }).exactOptional(),
  /** Where the files that were replaced, and the update, are kept. */
  kept: z.array(z.string()),
});

/** What `trust propose --json` and `trust sign --json` print. */
export const trustProposalReport = z.object({
  schemaVersion,
  file: z.string(),
  version: size,
  sha256: z.string(),
  /** The signature files, and whose they are by the files of the update; absent: of nobody who counts there. */
  signatures: z.array(z.object({ file: z.string(), signer: signer.exactOptional() })),
  /** Different principals who have signed, by the files of the update, and how many it wants. */
  principals: z.array(z.string()),
  threshold: size,
});

export type TrustedKeyReport = z.infer<typeof trustedKey>;
export type TrustAddReport = z.infer<typeof trustAddReport>;
export type TrustListReport = z.infer<typeof trustListReport>;
export type TrustRevokeReport = z.infer<typeof trustRevokeReport>;
export type TrustChanges = z.infer<typeof trustChanges>;
export type TrustUpdateReport = z.infer<typeof trustUpdateReport>;
export type TrustProposalReport = z.infer<typeof trustProposalReport>;
