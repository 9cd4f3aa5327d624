import path from 'node:path';
import { PackferryError } from '../../core/errors.ts';
import { checkFilePlace } from '../../bundle/file-place.ts';
import { lockFileName } from '../../core/names.ts';
import { compareLocks, makeLock, movedTexts, readLock, writeLock } from '../../flows/lock.ts';
import { throwForbidden } from '../../flows/policy-errors.ts';
import { withResolvedFindings } from '../../flows/resolved-findings.ts';
import { resolveAll } from '../../flows/resolve.ts';
import { select, type Selection } from '../../flows/selection.ts';
import { askWitness } from '../../flows/witness.ts';
import type { LockReport } from '../../schema/reports-lock.ts';
import { timeToWrite } from '../context.ts';
import type { Action, CommonOptions } from '../session.ts';
import { count } from '../text/plural.ts';
import { table } from '../text/table.ts';
import { visible } from '../text/visible.ts';
import { selecting, withManifestSource, type SourceOptions } from './sources.ts';

export interface LockOptions extends CommonOptions, SourceOptions {
  readonly jobs: number;
  readonly lock?: string;
  readonly check?: boolean;
  readonly witness?: string;
}

/** Where the lock of a manifest stands: beside it, unless the user says otherwise. */
export function lockFileOf({ manifest }: Selection, named: string | undefined): string {
  return named ?? path.join(path.dirname(manifest.path), lockFileName);
}

/** `lock MANIFEST` */
export const lock: Action<LockOptions> = async (session, paths, options) => {
  const { emit, signal, context } = session;
  const selection = await select(paths, await selecting(session, options));
  throwForbidden(selection.findings);
  const file = lockFileOf(selection, options.lock);
  const old = await readLock(file);
  if (options.check !== true) await checkFilePlace(file);
  return withManifestSource(session, selection.manifest, options, async (source) => {
    const { platform } = selection.manifest;
    const found = await resolveAll(selection.wanted, {
      source,
      platform,
      jobs: options.jobs,
      emit,
      signal,
    });
    const { witness } = options;
    const resolved = witness === undefined ? found : await askWitness(found, witness, signal);
    throwForbidden(withResolvedFindings(selection, resolved, emit).findings);
    const fresh = makeLock(selection, resolved, old, timeToWrite(context));
    const report = compareLocks(file, old, fresh, resolved);
    for (const message of movedTexts(report)) emit({ type: 'note', level: 'warning', message });
    const errors = options.check === true && report.changed ? [staleLock(report)] : [];
    if (options.check !== true && report.changed) await writeLock(file, fresh);
    return {
      report,
      text: lockText(report),
      summary: visible(summaryOf(report, options.check === true)),
      errors,
    };
  });
};

/** What is new, moved or gone; nothing when all is as it was. */
function lockText({ images }: LockReport): string {
  const changes = images.filter(({ status }) => status !== 'same');
  if (changes.length === 0) return '';
  return table(changes, [
    { title: 'STATUS', value: ({ status }) => status },
    { title: 'IMAGE', value: ({ reference }) => reference },
    { title: 'MANIFEST', value: ({ manifest }) => manifest },
  ]);
}

function summaryOf({ file, changed, images }: LockReport, check: boolean): string {
  const number = count(images.filter(({ status }) => status !== 'gone').length, 'image');
  if (!changed) return `${file} is up to date: ${number}.`;
  return check ? `${file} was not written.` : `Wrote ${file}: ${number}.`;
}

function staleLock({ file, images }: LockReport): PackferryError {
  const kinds = (['new', 'moved', 'gone'] as const).flatMap((kind) => {
    const number = images.filter(({ status }) => status === kind).length;
    return number === 0 ? [] : [`${count(number, 'image')} ${kind}`];
  });
  const what = kinds.length === 0 ? 'the manifest asks for the same images in another way' : kinds.join(', ');
  return new PackferryError('E_LOCK_STALE', `${file} would change: ${what}`, {
    hint: 'Run "packferry lock" without --check to write it.',
  });
}
