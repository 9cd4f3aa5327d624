import path from 'node:path';
import { checkFilePlace } from '../../bundle/file-place.ts';
import { isThere, writeFileWhole } from '../../bundle/files.ts';
import { documentText } from '../../bundle/document.ts';
import { PackferryError } from '../../core/errors.ts';
import { policySchemaId, type PolicyDocument } from '../../schema/policy.ts';
import { reportVersion } from '../../schema/reports.ts';
import type { TrustProposalReport } from '../../schema/reports-trust.ts';
import { trustUpdateSchemaId, type TrustUpdateDocument } from '../../schema/trust-update.ts';
import { parseAllowedSigners } from '../../trust/allowed-signers.ts';
import { defaultPolicy, parsePolicy } from '../../trust/read-policy.ts';
import { parseRevokedKeys, type RevokedKeys } from '../../trust/revoked-keys.ts';
import type { Signer } from '../../trust/signer.ts';
import { decodeSshsig } from '../../trust/sshsig.ts';
import { parseTrustUpdate, trustUpdateNamespace, type TrustUpdate } from '../../trust/trust-update.ts';
import { judgeUpdate, type UpdateSignature } from '../../trust/update-signers.ts';
import { reportSigners } from '../report.ts';
import { readTrustTexts } from './folder.ts';
import { readSignedUpdate, signatureName } from './update-file.ts';

export interface ProposeOptions {
  /** A folder with the files of trust as they are to be; its policy.json still says the version before. */
  readonly folder: string;
  /** The update to write; its signatures go beside it. Must not be there. */
  readonly output: string;
  readonly signers: readonly Signer[];
  readonly createdAt: Date;
  readonly now: Date;
}

/**
 * Makes an update out of a folder, of the version after the one that its policy.json says, and signs it. Throws
 * `E_TRUST_INVALID`, `E_TRUST_UNREADABLE`, `E_OUTPUT_EXISTS`, `E_OUTPUT_UNWRITABLE`.
 */
export async function proposeUpdate(options: ProposeOptions): Promise<TrustProposalReport> {
  const { folder, output, signers, createdAt, now } = options;
  for (const file of [output, path.join(path.dirname(output), signatureName(output, 1))]) {
    if (!(await isThere(file))) continue;
    throw new PackferryError('E_OUTPUT_EXISTS', `${file} is there already; no update is written over`, {
      hint: 'Choose another name. To sign what is there: packferry trust sign FILE --key KEY',
    });
  }
  await checkFilePlace(output);
  const bytes = Buffer.from(documentText(await draftOf(folder, createdAt)));
  const update = parseTrustUpdate(bytes, output);
  const signatures: UpdateSignature[] = [];
  for (const signer of signers) signatures.push(await signOnce(output, update, signatures, signer));
  await writeFileWhole(output, bytes, 0o644);
  for (const signature of signatures) await writeSignature(output, signature);
  return proposalReport(output, update, signatures, now);
}

async function draftOf(folder: string, createdAt: Date): Promise<TrustUpdateDocument> {
  const texts = await readTrustTexts(folder);
  const { allowed_signers: allowed, revoked_keys: revoked, 'policy.json': rules } = texts;
  if (allowed === undefined) {
    throw new PackferryError('E_TRUST_UNREADABLE', `${folder}/allowed_signers: there is no such file`, {
      hint: 'Name a folder with allowed_signers, and perhaps revoked_keys and policy.json, as they are to be.',
    });
  }
  // Mistakes are told with the names of the files, not with those of the fields that they go into.
  parseAllowedSigners(allowed, path.join(folder, 'allowed_signers'));
  parseRevokedKeys(revoked ?? Buffer.alloc(0), path.join(folder, 'revoked_keys'));
  const { version } =
    rules === undefined ? defaultPolicy : parsePolicy(rules, path.join(folder, 'policy.json'));
  const before = rules === undefined ? {} : (JSON.parse(rules.toString('utf8')) as PolicyDocument);
  return {
    schema: trustUpdateSchemaId,
    version: version + 1,
    createdAt: `${createdAt.toISOString().slice(0, 19)}Z`,
    allowedSigners: allowed.toString('utf8'),
    revokedKeys: revoked?.toString('utf8') ?? '',
    policy: { ...before, schema: policySchemaId, version: version + 1 },
  };
}

export interface SignUpdateOptions {
  readonly file: string;
  readonly signers: readonly Signer[];
  readonly now: Date;
}

export interface ReadProposal {
  readonly update: TrustUpdate;
  readonly report: TrustProposalReport;
}

/** What an update says, and who has signed it. Nobody's trust is asked but its own. */
export async function readProposal(file: string, now: Date): Promise<ReadProposal> {
  const { update, signatures } = await readSignedUpdate(file);
  return { update, report: proposalReport(file, update, signatures, now) };
}

/** Adds signatures to an update; a key that has signed it already adds none. Throws `E_UPDATE_INVALID`, `E_OUTPUT_UNWRITABLE`. */
export async function signUpdate({ file, signers, now }: SignUpdateOptions): Promise<TrustProposalReport> {
  const { update, signatures: before } = await readSignedUpdate(file);
  const signatures = [...before];
  for (const signer of signers) {
    if (signatures.some((signature) => isBy(signature, signer))) continue;
    const signature = await signOnce(file, update, signatures, signer);
    await writeSignature(file, signature);
    signatures.push(signature);
  }
  return proposalReport(file, update, signatures, now);
}

async function signOnce(
  file: string,
  update: TrustUpdate,
  others: readonly UpdateSignature[],
  signer: Signer,
): Promise<UpdateSignature> {
  const taken = new Set(others.map(({ name }) => name));
  let number = 1;
  while (taken.has(signatureName(file, number))) number += 1;
  const bytes = Buffer.from(await signer.sign(update.bytes, trustUpdateNamespace));
  return { name: signatureName(file, number), bytes };
}

function isBy({ bytes, name }: UpdateSignature, { publicKey }: Signer): boolean {
  return publicKey.split(' ')[1] === decodeSshsig(bytes, name).publicKey.toString('base64');
}

async function writeSignature(file: string, { name, bytes }: UpdateSignature): Promise<void> {
  await writeFileWhole(path.join(path.dirname(file), name), bytes, 0o644);
}

function proposalReport(
  file: string,
  update: TrustUpdate,
  signatures: readonly UpdateSignature[],
  now: Date,
): TrustProposalReport {
  const revoked: RevokedKeys[] = [update.revoked];
  const judged = signatures.map((signature) => {
    const { signers } = judgeUpdate(update, { update, signatures: [signature], revoked, now });
    return { file: path.join(path.dirname(file), signature.name), signers };
  });
  return {
    schemaVersion: reportVersion,
    file,
    version: update.version,
    sha256: update.sha256,
    signatures: judged.map(({ file: name, signers }) => {
      const [signer] = reportSigners(signers);
      return { file: name, ...(signer === undefined ? {} : { signer }) };
    }),
    principals: [...judgeUpdate(update, { update, signatures, revoked, now }).principals],
    threshold: update.policy.threshold,
  };
}
