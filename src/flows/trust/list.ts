import path from 'node:path';
import { asPackferryError, type PackferryError } from '../../core/errors.ts';
import { reportVersion } from '../../schema/reports.ts';
import type { TrustListReport } from '../../schema/reports-trust.ts';
import { parseSignerLines } from '../../trust/allowed-signers.ts';
import { defaultPolicy, parsePolicy } from '../../trust/read-policy.ts';
import { parseRevokedKeys, type RevokedKeys } from '../../trust/revoked-keys.ts';
import { currentFolder } from './generation.ts';
import { readTrustTexts } from './folder.ts';
import { reportKey } from './key-report.ts';
import { standingOf } from './standing.ts';

type Place = TrustListReport['places'][number];

export interface ListTrustOptions {
  /** Folders of files of trust, the one that counts first before the others. */
  readonly folders: readonly string[];
  readonly now: Date;
}

export interface TrustListing {
  readonly report: TrustListReport;
  /** Files that cannot be read, each with all its mistakes. The others are listed. */
  readonly errors: readonly PackferryError[];
}

/** What the files of trust say; those that are not there are told as such. */
export async function listTrust({ folders, now }: ListTrustOptions): Promise<TrustListing> {
  const errors: PackferryError[] = [];
  const read = await Promise.all(folders.map((folder) => readPlace(folder, errors)));
  const revoked = read.flatMap(({ list }) => (list === undefined ? [] : [list]));
  const counting = read.find(({ isThere }) => isThere)?.place.folder;
  const places = read.map(({ place, signers, file }): Place => {
    const keys = signers.map((signer) => {
      return { ...reportKey(signer), file, line: signer.line, ...standingOf(signer, revoked, now) };
    });
    return { ...place, counts: place.folder === counting, keys };
  });
  return { report: { schemaVersion: reportVersion, places }, errors };
}

interface ReadPlace {
  readonly place: Omit<Place, 'keys' | 'counts'>;
  readonly file: string;
  readonly isThere: boolean;
  readonly signers: ReturnType<typeof parseSignerLines>;
  readonly list: RevokedKeys | undefined;
}

async function readPlace(folder: string, errors: PackferryError[]): Promise<ReadPlace> {
  const current = await currentFolder(folder);
  const texts = await readTrustTexts(folder);
  const [file, revokedFile, policyFile] = [
    path.join(current, 'allowed_signers'),
    path.join(current, 'revoked_keys'),
    path.join(current, 'policy.json'),
  ];
  const { allowed_signers: allowed, revoked_keys: revoked, 'policy.json': rules } = texts;
  const attempt = <T>(bytes: Buffer | undefined, read: (bytes: Buffer) => T): T | undefined => {
    try {
      return bytes === undefined ? undefined : read(bytes);
    } catch (fault) {
      errors.push(asPackferryError(fault));
      return undefined;
    }
  };
  const signers = attempt(allowed, (bytes) => parseSignerLines(bytes, file)) ?? [];
  const list = attempt(revoked, (bytes) => parseRevokedKeys(bytes, revokedFile));
  const { version, threshold } = attempt(rules, (bytes) => parsePolicy(bytes, policyFile)) ?? defaultPolicy;
  return {
    place: {
      folder,
      version,
      threshold,
      ...(list === undefined ? {} : { revokedKeys: list.lines.size }),
      ...(rules === undefined ? {} : { policy: policyFile }),
      unfinishedUpdate: current !== folder,
    },
    file,
    isThere: allowed !== undefined,
    signers,
    list,
  };
}
