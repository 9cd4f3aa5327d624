import { createHash } from 'node:crypto';
import type * as z from 'zod';
import { parseDuration } from '../core/duration.ts';
import { messageOf, PackferryError } from '../core/errors.ts';
import { parseStrictJson } from '../core/json.ts';
import { limits } from '../core/limits.ts';
import { nearestName } from '../core/nearest.ts';
import { policySchema } from '../schema/policy.ts';
import { quote } from '../core/quote.ts';
import { readSmallFile } from './read-file.ts';

/** What a site asks of bundles besides a trusted signature, with the defaults filled in. */
export interface TrustPolicy {
  /** The file's name, for messages; undefined when there is none. */
  readonly name: string | undefined;
  /** Of the file, in hex; undefined when there is none. */
  readonly sha256: string | undefined;
  /** Of the trusted files as a whole. */
  readonly version: number;
  /** How many different principals must have signed. */
  readonly threshold: number;
  /** Patterns of the names of bundles that are taken; undefined: all. */
  readonly streams: readonly string[] | undefined;
  /** In seconds. */
  readonly maxAge: number | undefined;
  readonly maxSequenceJump: number | undefined;
  readonly allowRollback: boolean;
  /** May a bundle ask that names be moved from other images? */
  readonly allowRetag: boolean;
  readonly requireUserVerification: boolean;
  readonly requireExpiry: boolean;
  readonly requireDeep: boolean;
  /** What is done about images that the site's own list of digests does not know. */
  readonly witness: 'ignore' | 'warn' | 'require';
}

/** What holds where there is no policy.json: one trusted signature is enough, for every stream. */
export const defaultPolicy: TrustPolicy = {
  name: undefined,
  sha256: undefined,
  version: 1,
  threshold: 1,
  streams: undefined,
  maxAge: undefined,
  maxSequenceJump: undefined,
  allowRollback: true,
  allowRetag: true,
  requireUserVerification: false,
  requireExpiry: false,
  requireDeep: false,
  witness: 'warn',
};

/** Reads a policy.json of at most `limits.policy` bytes; `E_TRUST_UNREADABLE` when that fails, else as `parsePolicy`. */
export async function readPolicy(path: string): Promise<TrustPolicy> {
  const { bytes } = await readSmallFile(path, {
    maxBytes: limits.policy,
    code: 'E_TRUST_UNREADABLE',
    hint: 'Name the policy.json of this site.',
  });
  return parsePolicy(bytes, path);
}

/**
 * Reads strict JSON in which every key is known: a rule that was mistyped must not vanish. `E_TRUST_INVALID` carries
 * every mistake with the place of its key.
 */
export function parsePolicy(bytes: Uint8Array, name: string): TrustPolicy {
  const parsed = policySchema.safeParse(parseDocument(bytes, name));
  if (!parsed.success) throw mistakesIn(name, parsed.error);
  const rules = parsed.data;
  return {
    name,
    sha256: createHash('sha256').update(bytes).digest('hex'),
    version: rules.version ?? defaultPolicy.version,
    threshold: rules.threshold ?? defaultPolicy.threshold,
    streams: rules.streams,
    maxAge: rules.maxAge === undefined ? undefined : parseDuration(rules.maxAge),
    maxSequenceJump: rules.maxSequenceJump,
    allowRollback: rules.allowRollback ?? defaultPolicy.allowRollback,
    allowRetag: rules.allowRetag ?? defaultPolicy.allowRetag,
    requireUserVerification: rules.requireUserVerification ?? defaultPolicy.requireUserVerification,
    requireExpiry: rules.requireExpiry ?? defaultPolicy.requireExpiry,
    requireDeep: rules.requireDeep ?? defaultPolicy.requireDeep,
    witness: rules.witness ?? defaultPolicy.witness,
  };
}

function parseDocument(bytes: Uint8Array, name: string): unknown {
  try {
    return parseStrictJson(bytes, { name, maxBytes: limits.policy });
  } catch (cause) {
    throw invalid(messageOf(cause), cause);
  }
}

function mistakesIn(name: string, cause: z.ZodError): PackferryError {
  const errors = cause.issues
    .flatMap((issue) => wordsOf(issue))
    .map((words) => invalid(`${name}: ${words}`, cause));
  const [first] = errors;
  if (errors.length === 1 && first !== undefined) return first;
  return new PackferryError('E_TRUST_INVALID', `${name}: ${errors.length} mistakes`, { errors });
}

function wordsOf(issue: z.core.$ZodIssue): string[] {
  const place = issue.path.map(String).join('.');
  if (issue.code !== 'unrecognized_keys')
    return [place === '' ? issue.message : `${place}: ${issue.message}`];
  return issue.keys.map((key) => {
    const near = nearestName(key, Object.keys(policySchema.shape));
    return `${quote(key)}: unknown key${near === undefined ? '' : `; did you mean ${quote(near)}?`}`;
  });
}

function invalid(message: string, cause: unknown): PackferryError {
  return new PackferryError('E_TRUST_INVALID', message, {
    hint: 'manifests/schema/policy.schema.json and docs/trust-model.md say what may stand in it. Until it is right, no bundle is accepted.',
    cause,
  });
}
