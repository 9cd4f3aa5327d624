import { asPackferryError, PackferryError } from '../../core/errors.ts';
import { parseSize, formatSize } from '../../core/size.ts';
import { exportBundle } from '../../flows/export.ts';
import { readLock, resolveFromLock } from '../../flows/lock.ts';
import { planReportOf } from '../../flows/plan.ts';
import { resolveAll, unresolved, type Resolved } from '../../flows/resolve.ts';
import { select, type Selection } from '../../flows/selection.ts';
import type { ImageSource } from '../../core/ports.ts';
import type { ExportReport } from '../../schema/reports.ts';
import { timeToWrite } from '../context.ts';
import { signingKey } from '../keys.ts';
import type { Action, CommonOptions, Outcome, Session } from '../session.ts';
import { count } from '../text/plural.ts';
import { lockFileOf } from './lock.ts';
import { planText } from './plan.ts';
import { withRegistries } from './sources.ts';

export interface ExportOptions extends CommonOptions {
  readonly output: string;
  readonly key?: string;
  readonly passphraseFile?: string;
  readonly volumeSize?: string;
  readonly perImage?: boolean;
  readonly lock?: string;
  readonly frozenLock?: boolean;
  readonly dryRun?: boolean;
  readonly keepGoing?: boolean;
  readonly jobs: number;
}

/** `export MANIFEST -o DIR` */
export const exportCommand: Action<ExportOptions> = async (session, paths, options) => {
  const { emit, signal, context } = session;
  const selection = withVolumeSize(
    await select(paths, { home: context.home, emit, signal }),
    options.volumeSize,
  );
  return withRegistries(session, selection.manifest, async (source) => {
    const perImage = options.perImage ?? false;
    if (options.dryRun === true)
      return dryRun(await resolve(session, selection, source, options), selection, perImage);
    // The key comes first: nobody wants to learn after an hour that it cannot be read.
    const signer = await signingKey(session, keyOf(selection, options), options.passphraseFile);
    const resolved = await resolve(session, selection, source, options);
    const now = timeToWrite(context);
    const { tool } = context;
    const keepGoing = options.keepGoing ?? false;
    const { output: dir, jobs } = options;
    const report = await exportBundle({
      dir,
      selection,
      resolved,
      source,
      signer,
      owner: context.owner,
      perImage,
      keepGoing,
      jobs,
      now,
      tool,
      emit,
      signal,
    });
    return { report, text: '', summary: summaryOf(report) };
  });
};

function resolve(
  session: Session,
  selection: Selection,
  source: ImageSource,
  options: ExportOptions,
): Promise<Resolved> {
  if (options.frozenLock === true) return fromLock(selection, lockFileOf(selection, options.lock));
  const { emit, signal } = session;
  return resolveAll(selection.wanted, {
    source,
    platform: selection.manifest.platform,
    jobs: options.jobs,
    emit,
    signal,
  });
}

async function fromLock(selection: Selection, file: string): Promise<Resolved> {
  const lock = await readLock(file);
  if (lock !== undefined) return resolveFromLock(selection, lock, file);
  throw new PackferryError('E_LOCK_UNREADABLE', `--frozen-lock was given and there is no ${file}`, {
    hint: 'Run "packferry lock" first.',
  });
}

function withVolumeSize(selection: Selection, text: string | undefined): Selection {
  if (text === undefined) return selection;
  const volumeSize = sizeOf(text);
  return { ...selection, manifest: { ...selection.manifest, volumeSize } };
}

function sizeOf(text: string): number {
  try {
    return parseSize(text);
  } catch (fault) {
    const error = asPackferryError(fault);
    throw error.with(`--volume-size: ${error.message}`);
  }
}

function keyOf({ manifest }: Selection, { key }: ExportOptions): string {
  const file = key ?? manifest.keys[0];
  if (file !== undefined) return file;
  throw new PackferryError('E_USAGE', 'no signing key: every bundle is signed', {
    hint: 'Give --key FILE or name it under sign.keys in the manifest. "packferry keygen -o FILE" makes one.',
  });
}

function dryRun(resolved: Resolved, selection: Selection, perImage: boolean): Outcome {
  const report = planReportOf(selection, resolved, perImage);
  const { totals, archives } = report;
  const summary = `Dry run: ${count(totals.images, 'image')}, ${formatSize(totals.bytes)} to fetch, ${count(archives.length, 'archive')}. Nothing was written.`;
  return { report, text: planText(report), summary, errors: unresolved(resolved) };
}

function summaryOf({
  dir,
  name,
  sequence,
  status,
  totals,
  archives,
  bytesFetched,
  signer,
}: ExportReport): string {
  const size = formatSize(archives.reduce((sum, { bytes }) => sum + bytes, 0));
  if (status === 'present')
    return `${dir} already holds this bundle: ${name} ${sequence}, ${count(totals.images, 'image')}, ${size}.`;
  return [
    `Wrote ${name} ${sequence} to ${dir}: ${count(totals.images, 'image')} in ${count(archives.length, 'archive')}, ${size}; ${formatSize(bytesFetched)} fetched.`,
    `Signed by ${signer ?? ''}.`,
    `Carry the folder over, then: packferry import ${dir} --trusted-keys ALLOWED_SIGNERS`,
  ].join('\n');
}
