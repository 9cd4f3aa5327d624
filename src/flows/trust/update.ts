import { createHash } from 'node:crypto';
import path from 'node:path';
import type { Owner } from '../../bundle/lock-file.ts';
import { PackferryError } from '../../core/errors.ts';
import type { PolicyDocument } from '../../schema/policy.ts';
import { reportVersion } from '../../schema/reports.ts';
import type { TrustUpdateReport } from '../../schema/reports-trust.ts';
import { parseAllowedSigners, type AllowedSigners } from '../../trust/allowed-signers.ts';
import { defaultPolicy, parsePolicy, type TrustPolicy } from '../../trust/read-policy.ts';
import { parseRevokedKeys, type RevokedKeys } from '../../trust/revoked-keys.ts';
import { requireUpdateSigners } from '../../trust/update-signers.ts';
import { reportSigners } from '../report.ts';
import { changesBetween } from './changes.ts';
import { trustFileNames, type TrustTexts } from './files.ts';
import { readTrustTexts, withTrustFolder } from './folder.ts';
import { currentFolder, writeGeneration, type Generation } from './generation.ts';
import { joinRevocations } from './kept-revoked.ts';
import { isKept, keepVersion, keptUpdateName } from './kept-versions.ts';
import { readSignedUpdate, signatureName, type SignedUpdate } from './update-file.ts';

export interface UpdateTrustOptions {
  /** The folder of the files of trust; its policy.json says which version they are. */
  readonly folder: string;
  readonly owner: Owner;
  /** The update; its signatures lie beside it. */
  readonly file: string;
  /** The folder of what this site remembers: all versions are kept in it. */
  readonly state: string;
  /** The lists of other places. */
  readonly otherLists: readonly RevokedKeys[];
  readonly now: Date;
  readonly dryRun: boolean;
  /** Asked with what would change before anything does. */
  readonly approve: (report: TrustUpdateReport) => Promise<boolean>;
}

/**
 * Replaces the files of trust by the next version of them. It must follow upon the version that is there, and be signed by
 * the threshold of that one and of its own (TUF's rule for rotating keys). The version that is there stays until the other
 * is whole, and is kept. Throws `E_UPDATE_INVALID`, `E_UPDATE_VERSION`, `E_UPDATE_SIGNERS`, `E_SIGNATURE_INVALID`,
 * `E_TRUST_UNREADABLE`, `E_OUTPUT_UNWRITABLE`.
 */
export async function updateTrust(options: UpdateTrustOptions): Promise<TrustUpdateReport> {
  const { folder, owner, file, state, otherLists, now } = options;
  const signed = await readSignedUpdate(file);
  const { update } = signed;
  const seen = await readTrustTexts(folder);
  const before = readVersion(folder, seen);
  const head = {
    schemaVersion: reportVersion,
    folder,
    from: before.policy.version,
    to: update.version,
  } as const;
  const joined = joinRevocations(seen.revoked_keys, Buffer.from(update.document.revokedKeys), update.version);
  const generation: Generation = {
    allowed_signers: Buffer.from(update.document.allowedSigners),
    revoked_keys: joined.bytes,
    'policy.json': Buffer.from(update.policyText),
  };
  if (update.version === before.policy.version) {
    const isSame = (await isKept(state, update)) || saysTheSame(seen, generation);
    if (isSame) {
      await finish(options, seen);
      return { ...head, status: 'present', kept: [] };
    }
  }
  requireNext(file, folder, update.version, before.policy.version);
  const revoked = [before.revoked, update.revoked, ...otherLists];
  const verdicts = requireUpdateSigners(
    { before, after: update },
    { update, signatures: signed.signatures, revoked, now },
  );
  const report = {
    ...head,
    changes: changesBetween(
      { signers: before.allowed.signers, revoked: before.revoked, policy: before.rules },
      { signers: update.allowed.signers, revoked: update.revoked, policy: update.document.policy },
      joined.kept,
    ),
    signers: {
      before: reportSigners(verdicts.before.signers),
      after: reportSigners(verdicts.after.signers),
    },
    kept: [],
  };
  if (options.dryRun) return { ...report, status: 'would update' };
  if (!(await options.approve({ ...report, status: 'would update' })))
    return { ...report, status: 'declined' };
  return withTrustFolder(folder, owner, seen, async () => {
    const kept = await keepBoth(state, before.policy.version, seen, signed);
    await writeGeneration(folder, generation);
    return { ...report, status: 'updated', kept };
  });
}

/** What an update that was cut off has left to be done, if there was one. */
async function finish({ folder, owner, dryRun }: UpdateTrustOptions, seen: TrustTexts): Promise<void> {
  if (dryRun || (await currentFolder(folder)) === folder) return;
  await withTrustFolder(folder, owner, seen, () => Promise.resolve());
}

interface FoundVersion {
  readonly allowed: AllowedSigners;
  readonly revoked: RevokedKeys;
  readonly policy: TrustPolicy;
  readonly rules: PolicyDocument | undefined;
}

function readVersion(folder: string, texts: TrustTexts): FoundVersion {
  const at = (name: string): string => path.join(folder, name);
  const { allowed_signers: allowed, revoked_keys: revoked, 'policy.json': rules } = texts;
  if (allowed === undefined) {
    throw new PackferryError('E_TRUST_UNREADABLE', `${at('allowed_signers')}: there is no such file`, {
      hint: 'An update is judged by the keys that are trusted already. The first ones are added by hand: packferry trust add KEY --principal NAME',
    });
  }
  return {
    allowed: parseAllowedSigners(allowed, at('allowed_signers')),
    revoked: parseRevokedKeys(revoked ?? Buffer.alloc(0), at('revoked_keys')),
    policy: rules === undefined ? defaultPolicy : parsePolicy(rules, at('policy.json')),
    rules: rules === undefined ? undefined : (JSON.parse(rules.toString('utf8')) as PolicyDocument),
  };
}

/** Neither an older version nor one that leaves others out: a restriction or a revocation among them would be lost. */
function requireNext(file: string, folder: string, version: number, there: number): void {
  if (version === there + 1) return;
  if (version === there) {
    throw new PackferryError(
      'E_UPDATE_VERSION',
      `${file}: it makes version ${version}, and ${folder} is of version ${there} already, with other content`,
      {
        hint: 'Two different updates with one number: ask their signers which is the right one. Nothing was changed.',
      },
    );
  }
  if (version < there) {
    throw new PackferryError(
      'E_UPDATE_VERSION',
      `${file}: it makes version ${version}, and ${folder} is of version ${there} already`,
      { hint: 'An update never goes back. Nothing was changed.' },
    );
  }
  const [first, last] = [there + 1, version - 1];
  const missing = first === last ? `update ${first} is missing` : `updates ${first} to ${last} are missing`;
  throw new PackferryError(
    'E_UPDATE_VERSION',
    `${file}: it makes version ${version}, and ${folder} is of version ${there}: ${missing}`,
    { hint: 'Apply the missing ones first, in order. Nothing was changed.' },
  );
}

function saysTheSame(there: TrustTexts, generation: Generation): boolean {
  return trustFileNames.every((name) => there[name]?.equals(generation[name]) === true);
}

/** The files that are about to be replaced, and what replaces them. */
async function keepBoth(
  state: string,
  version: number,
  seen: TrustTexts,
  { update, signatures }: SignedUpdate,
): Promise<string[]> {
  const files = new Map(trustFileNames.flatMap((name) => (seen[name] ? [[name, seen[name]] as const] : [])));
  const hash = createHash('sha256');
  for (const [name, bytes] of files) hash.update(`${name} ${bytes.length}\n`).update(bytes);
  const old = { kind: 'version', version, sha256: hash.digest('hex') } as const;
  const base = keptUpdateName;
  const brought = new Map([
    [base, update.bytes],
    ...signatures.map(({ bytes }, at) => [signatureName(base, at + 1), bytes] as const),
  ]);
  const { version: next, sha256 } = update;
  return [
    await keepVersion(state, old, files),
    await keepVersion(state, { kind: 'update', version: next, sha256 }, brought),
  ];
}
