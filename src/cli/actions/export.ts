import type { BlobLender } from '../../bundle/lender.ts';
import { PackferryError } from '../../core/errors.ts';
import { formatSize } from '../../core/size.ts';
import { openImporter, type CarriedImporter } from '../../bundle/importer-file.ts';
import { checkOutput, exportBundle } from '../../flows/export.ts';
import { confirmLocked } from '../../flows/frozen.ts';
import { readLock, resolveFromLock } from '../../flows/lock.ts';
import { refuseMoved } from '../../flows/moved.ts';
import { warnOfUncarried } from '../../flows/packs-to-carry.ts';
import { planReportOf } from '../../flows/plan.ts';
import { policyErrors, throwForbidden } from '../../flows/policy-errors.ts';
import { withResolvedFindings } from '../../flows/resolved-findings.ts';
import { resolveAll, unresolved, type Resolved, type ResolveOptions } from '../../flows/resolve.ts';
import { lendableBytes, openLenders } from '../../flows/reuse.ts';
import { select, type Selection } from '../../flows/selection.ts';
import { askWitness } from '../../flows/witness.ts';
import type { ManifestSource } from '../../flows/origins.ts';
import type { ExportReport } from '../../schema/reports.ts';
import { timeToWrite } from '../context.ts';
import type { Action, CommonOptions, Outcome, Session } from '../session.ts';
import { openSigningKeys } from '../signing-keys.ts';
import { volumeSizeOf } from '../signing-options.ts';
import { audienceLines } from '../text/audience.ts';
import { sourceLines } from '../text/image-sources.ts';
import { count } from '../text/plural.ts';
import { lockFileOf } from './lock.ts';
import { planNotes, planTable } from './plan-text.ts';
import { selecting, withManifestSource, type SourceOptions } from './sources.ts';
import { visible } from '../text/visible.ts';

export interface ExportOptions extends CommonOptions, SourceOptions {
  readonly output: string;
  readonly key?: readonly string[];
  readonly passphraseFile?: readonly string[];
  readonly volumeSize?: string;
  readonly perImage?: boolean;
  readonly sequence?: number;
  readonly lock?: string;
  readonly frozenLock?: boolean;
  readonly dryRun?: boolean;
  readonly keepGoing?: boolean;
  readonly withPacks?: boolean;
  /** True without a file. */
  readonly withImporter?: string | true;
  readonly reuse?: readonly string[];
  readonly witness?: string;
  readonly jobs: number;
}

/** `export MANIFEST -o DIR` */
export const exportCommand: Action<ExportOptions> = async (session, paths, options) => {
  const { emit, signal, context } = session;
  const selection = withOptions(await select(paths, await selecting(session, options)), options);
  warnOfUncarried(selection, emit);
  const lenders = await openLenders(options.reuse ?? []);
  return withManifestSource(session, selection.manifest, options, async (source) => {
    const perImage = options.perImage ?? false;
    if (options.dryRun === true) {
      await importerOf(session, selection, options);
      const found = await resolve(session, selection, source, options);
      return dryRun(found, withResolvedFindings(selection, found, emit), perImage, lenders);
    }
    throwForbidden(selection.findings);
    // Folder, key and importer come first: nobody wants to learn after an hour that they are of no use.
    await checkOutput(options.output);
    const importer = await importerOf(session, selection, options);
    const signers = await openSigningKeys(session, keysOf(selection, options), options.passphraseFile);
    const resolved = await resolve(session, selection, source, options);
    const now = timeToWrite(context);
    const { tool } = context;
    const keepGoing = options.keepGoing ?? false;
    const { output: dir, jobs } = options;
    const report = await exportBundle({
      dir,
      selection: withResolvedFindings(selection, resolved, emit),
      resolved,
      source,
      signers,
      owner: context.owner,
      perImage,
      ...(options.sequence === undefined ? {} : { sequence: options.sequence }),
      ...(importer === undefined ? {} : { importer }),
      keepGoing,
      jobs,
      lenders,
      now,
      tool,
      emit,
      signal,
    });
    return { report, text: '', summary: exportSummary(report) };
  });
};

/** The importer that is to be carried along, if any; one of another version will do, and that is said. */
async function importerOf(
  { context, emit }: Session,
  { manifest }: Selection,
  { withImporter }: ExportOptions,
): Promise<CarriedImporter | undefined> {
  if (withImporter === undefined && !manifest.carriesImporter) return undefined;
  const file = typeof withImporter === 'string' ? withImporter : context.importerFile;
  const importer = await openImporter(file);
  const { version } = importer.entry;
  if (version !== context.tool.version) {
    const message = `${file} is an importer of packferry ${version}, this is ${context.tool.version}`;
    emit({ type: 'note', level: 'warning', message });
  }
  return importer;
}

async function resolve(
  session: Session,
  selection: Selection,
  source: ManifestSource,
  options: ExportOptions,
): Promise<Resolved> {
  const { emit, signal } = session;
  const { platform } = selection.manifest;
  const resolving = { source, platform, jobs: options.jobs, emit, signal };
  const found =
    options.frozenLock === true
      ? await fromLock(selection, options, resolving, source)
      : await resolveFresh(selection, options, resolving);
  return options.witness === undefined ? found : askWitness(found, options.witness, signal);
}

/** What the registries say now; where there is a lock, no tag may have moved since. */
async function resolveFresh(
  selection: Selection,
  options: ExportOptions,
  resolving: ResolveOptions,
): Promise<Resolved> {
  const lock = await readLock(lockFileOf(selection, options.lock));
  const resolved = await resolveAll(selection.wanted, resolving);
  return lock === undefined ? resolved : refuseMoved(resolved, lock);
}

/** A dry run believes the lock, and needs no network. */
async function fromLock(
  selection: Selection,
  options: ExportOptions,
  resolving: ResolveOptions,
  source: ManifestSource,
): Promise<Resolved> {
  const file = lockFileOf(selection, options.lock);
  const lock = await readLock(file);
  if (lock === undefined) {
    throw new PackferryError('E_LOCK_UNREADABLE', `--frozen-lock was given and there is no ${file}`, {
      hint: 'Run "packferry lock" first.',
    });
  }
  const resolved = resolveFromLock(selection, lock, file);
  if (options.dryRun === true) return resolved;
  return confirmLocked(resolved, lock, { ...resolving, source: source.preferring(lock.images) });
}

/** What the command line says wins over the manifest. */
function withOptions(selection: Selection, { volumeSize, withPacks }: ExportOptions): Selection {
  const manifest = {
    ...selection.manifest,
    ...(volumeSize === undefined ? {} : { volumeSize: volumeSizeOf(volumeSize) }),
    ...(withPacks === true ? { carriesPacks: true } : {}),
  };
  return { ...selection, manifest };
}

function keysOf({ manifest }: Selection, { key }: ExportOptions): readonly string[] {
  const files = key ?? manifest.keys;
  if (files.length > 0) return files;
  throw new PackferryError('E_USAGE', 'no signing key: every bundle is signed', {
    hint: 'Give --key FILE or name it under sign.keys in the manifest. "packferry keygen -o FILE" makes one.',
  });
}

function dryRun(
  resolved: Resolved,
  selection: Selection,
  perImage: boolean,
  lenders: readonly BlobLender[],
): Outcome {
  const report = planReportOf(selection, resolved, perImage);
  const { totals, archives } = report;
  const lent = lendableBytes(
    resolved.images.map(({ image }) => image),
    lenders,
  );
  const summary = `Dry run: ${count(totals.images, 'image')}, ${formatSize(totals.bytes - lent)} to fetch${lent > 0 ? `, ${formatSize(lent)} to reuse` : ''}, ${count(archives.length, 'archive')}. Nothing was written.`;
  const errors = [...policyErrors(selection.findings), ...unresolved(resolved)];
  const text = planTable(report);
  return { report, text, summary: [summary, ...planNotes(report)].join('\n'), errors };
}

/** What an export has written, as lines for people. */
export function exportSummary({
  dir,
  name,
  sequence,
  audience,
  status,
  totals,
  archives,
  packs,
  images,
  importers,
  bytesFetched,
  bytesReused,
  signers,
}: ExportReport): string {
  const size = formatSize(archives.reduce((sum, { bytes }) => sum + bytes, 0));
  if (status === 'present')
    return [
      `${dir} already holds this bundle: ${name} ${sequence}, ${count(totals.images, 'image')}, ${size}.`,
      ...importerLines(importers),
    ]
      .map(visible)
      .join('\n');
  return [
    `Wrote ${name} ${sequence} to ${dir}: ${count(totals.images, 'image')} in ${count(archives.length, 'archive')}, ${size}; ${formatSize(bytesFetched)} fetched${bytesReused > 0 ? `, ${formatSize(bytesReused)} reused` : ''}.`,
    ...sourceLines(images),
    ...(packs.length === 0 ? [] : [`${count(packs.length, 'pack')} carried along.`]),
    ...importerLines(importers),
    ...audienceLines(audience),
    `Signed by ${signers.map(({ fingerprint }) => fingerprint).join(', ')}.`,
    `Carry the folder over, then: packferry import ${dir} --trusted-keys ALLOWED_SIGNERS`,
  ]
    .map(visible)
    .join('\n');
}

/** A program that checks its own bundle proves nothing, so its hash has to be told. */
function importerLines(importers: ExportReport['importers']): string[] {
  return importers.flatMap(({ file, version, sha256 }) => [
    `Carries the importer ${file} (packferry ${version}), sha256`,
    `  ${sha256}`,
    '  Give this hash to the closed side on another way: nobody has to believe the program before it is compared.',
  ]);
}
