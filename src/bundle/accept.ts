import path from 'node:path';
import { PackferryError } from '../core/errors.ts';
import type { NewRecord } from '../schema/history.ts';
import { judgeFreshness, type FreshnessVerdict } from '../trust/freshness.ts';
import { addRecord, completeHistory, makeFolders, type HistoryPlace } from '../trust/history.ts';
import { readPast } from '../trust/past.ts';
import { factsOf, type FreshnessOptions } from './freshness.ts';
import { withLockFile, type Owner } from './lock-file.ts';
import type { SignedBundle } from './signed-bundle.ts';
import { throwAll } from './faults.ts';

export interface AcceptOptions extends FreshnessOptions {
  readonly owner: Owner;
  /** The one reading of the clock. */
  readonly now: Date;
}

/** Records are added within moments; longer than this nobody who runs holds the lock. In milliseconds. */
const patience = 10_000;

/** How much of the name of a signer is remembered; the fingerprint says who it is. */
const principalLength = 200;

/**
 * Remembers that a bundle is accepted, before the first byte of it goes anywhere: from then on, also when the
 * delivery is cut off, an older one is a rollback. Judges once more, since another import may have come first; errors as
 * `checkFreshness`. A bundle that came last already is not remembered twice.
 */
export async function acceptBundle(bundle: SignedBundle, options: AcceptOptions): Promise<FreshnessVerdict> {
  const { document, sumsSha256 } = bundle;
  const facts = factsOf({ document, sumsSha256, now: options.now }, options);
  const { history } = options;
  if (history === undefined) return judgeFreshness({ ...facts, past: undefined });
  return withHistoryLock(history, options.owner, async () => {
    const read = await readPast(history, document.name, document.sequence);
    const verdict = judgeFreshness({ ...facts, past: read.value });
    throwAll(verdict.refusals, { header: `the bundle ${document.name} ${document.sequence} is refused` });
    const isKnown = read.value.last?.sumsSha256 === sumsSha256;
    if (isKnown) await completeHistory(history, read);
    else await addRecord(history, read, recordOf(bundle, verdict, options.now));
    return verdict;
  });
}

function recordOf(
  { document, sumsSha256, signers }: SignedBundle,
  { rollback }: FreshnessVerdict,
  now: Date,
): NewRecord {
  const { name: stream, sequence, createdAt } = document;
  return {
    kind: 'accepted',
    at: now.toISOString(),
    stream,
    sequence,
    sumsSha256,
    createdAt,
    signers: signers.map(({ principal, fingerprint }) => ({
      principal: principal.slice(0, principalLength),
      fingerprint,
    })),
    ...(rollback === undefined ? {} : { rollback }),
  };
}

/** Runs with a history that nobody else adds to. Makes its folder. `E_STATE_UNUSABLE` when somebody does not let go. */
export async function withHistoryLock<T>(
  place: HistoryPlace,
  owner: Owner,
  use: () => Promise<T>,
): Promise<T> {
  await makeFolders(place);
  const file = path.join(place.dir, 'history.lock');
  const held = (who: string): PackferryError =>
    new PackferryError('E_STATE_UNUSABLE', `${place.dir}: another import writes there${who}`, {
      hint: `Run the same command again. If no other import is running, remove ${file}.`,
    });
  return withLockFile(file, { owner, held, patience }, use);
}
