import * as z from 'zod';
import { limits } from '../core/limits.ts';
import { utcTime } from './parts.ts';
import { policySchema } from './policy.ts';

/** The `schema` value of the updates that this version reads. */
export const trustUpdateSchemaId = 'packferry.trust-update/v1';

/**
 * A signed update: the next version of the files of trust, each of them whole. Its signatures lie beside it. Every unknown
 * key is a mistake.
 */
export const trustUpdateSchema = z.strictObject({
  schema: z.literal(trustUpdateSchemaId),
  version: z
    .int()
    .min(2)
    .max(1_000_000)
    .describe('The version that it makes; it follows only upon the one before. "policy" says the same.'),
  createdAt: utcTime.describe('When it was made. Nothing is decided by it.'),
  allowedSigners: z.string().max(limits.allowedSigners).describe('The text of allowed_signers.'),
  revokedKeys: z.string().max(limits.revokedKeys).describe('The text of revoked_keys.'),
  policy: policySchema.describe('The content of policy.json.'),
});

export type TrustUpdateDocument = z.infer<typeof trustUpdateSchema>;
