import { formatSize } from '../../core/size.ts';
import { asPackferryError, PackferryError } from '../../core/errors.ts';
import { totalSize } from '../../core/image.ts';
import { formatReference, parseReference } from '../../core/reference.ts';
import { acceptBundle } from '../../bundle/accept.ts';
import { extractPacks } from '../../bundle/carried-packs.ts';
import { checkFolderPlace } from '../../bundle/file-place.ts';
import type { LendingBundle } from '../../bundle/lending-bundle.ts';
import { onExistingFor, type AskedOnExisting } from '../../flows/on-existing.ts';
import { parseRetag } from '../../flows/retag.ts';
import { withOpenedImport, type OpenedImport } from '../../flows/open-import.ts';
import type { FoundTarget } from '../../flows/targets.ts';
import { blobsToSend } from '../../flows/deliver.ts';
import { Evidence } from '../../flows/receipt/evidence.ts';
import {
  importBundle,
  type DeliverableBundle,
  type ImportOptions as FlowOptions,
  type ImportPlan,
} from '../../flows/import.ts';
import type { ImportReport } from '../../schema/reports.ts';
import { judgementOf, type Judgement, type JudgementOptions } from '../bundle-judgement.ts';
import { tellUnknown } from '../freshness.ts';
import { allHosts } from '../hosts.ts';
import { deliveryJobs } from '../delivery-jobs.ts';
import { lentLines, openLenders, tellIdle } from '../lenders.ts';
import { paceOf } from '../pace-options.ts';
import { confirm, isInteractive } from '../prompt.ts';
import { withReceipt, type ReceiptOptions } from '../receipts.ts';
import type { Action, CommonOptions, Outcome, Session } from '../session.ts';
import { deliveryTargets, onExisting, type DeliveryOptions } from './targets.ts';
import { count } from '../text/plural.ts';
import { deliverySummary, deliveryTable, sumUp, troubleAhead } from '../text/delivery.ts';
import { visible } from '../text/visible.ts';

export interface ImportOptions
  extends CommonOptions, Omit<DeliveryOptions, 'onExisting'>, JudgementOptions, ReceiptOptions {
  /** Absent: as the bundle asks for. */
  readonly onExisting?: AskedOnExisting;
  readonly image?: readonly string[];
  readonly with?: readonly string[];
  readonly packsTo?: string;
  readonly singlePass?: boolean;
  readonly smoke?: boolean;
  readonly yes?: boolean;
}

/** `import BUNDLE [--to ENDPOINT]...` */
export const importCommand: Action<ImportOptions> = async (session, [dir = ''], options) => {
  // Before the bundle is read, and a receipt begun: a slip of the pen need not wait for it.
  const asked = await readOptions(session, dir, options);
  // What changes nothing leaves no receipt: it would only fill the chain.
  if (options.dryRun === true) return runImport(session, asked, options, new Evidence());
  return withReceipt(session, { action: 'import', dir, options }, (evidence) =>
    runImport(session, asked, options, evidence),
  );
};

/** What a command line asks for. */
interface Asked extends Pick<FlowOptions, 'only' | 'retag' | 'jobs'> {
  readonly dir: string;
  readonly found: readonly FoundTarget[];
}

async function readOptions(session: Session, dir: string, options: ImportOptions): Promise<Asked> {
  const only = (options.image ?? []).map((text) => formatReference(parseReference(text)));
  const retag = (options.retag ?? []).map(parseRetag);
  const written = options.to ?? (options.hosts === undefined ? ['docker:'] : []);
  const urls = (await allHosts(session, written, options)).map(({ url }) => url);
  if (options.singlePass === true) refuseTooMany(urls.length, options.targetsAtOnce);
  if (options.packsTo !== undefined) await checkFolderPlace(options.packsTo);
  const found = await deliveryTargets(session, options, urls);
  return { dir, only, retag, found, jobs: deliveryJobs(options.jobs, found) };
}

async function runImport(
  session: Session,
  { dir, found, ...asked }: Asked,
  options: ImportOptions,
  evidence: Evidence,
): Promise<Outcome & { readonly report: ImportReport }> {
  const { emit, signal } = session;
  evidence.isSinglePass = options.singlePass === true;
  const judgement = await judgementOf(session, options, evidence);
  const lenders = await openLenders(options.with, judgement);
  evidence.lenders(lenders);
  return withOpenedImport(
    {
      ...{ dir, found, judgement, signal, ...asked },
      targetsAtOnce: options.targetsAtOnce,
      singlePass: evidence.isSinglePass,
      onOpened: (opened) => {
        tellUnknown(opened, judgement.freshness, 'warning', emit);
        tellIdle([opened], lenders, emit);
      },
      onTrouble: (target, error, isTriedAgain) => {
        emit({ type: 'note', level: 'warning', message: troubleAhead(target, error, isTriedAgain) });
      },
    },
    (opened) => loadInto(session, { ...opened, lenders, judgement, ...asked }, options, evidence),
  );
}

/** One reading serves all targets: those that would have to wait for others would come when it is over. */
function refuseTooMany(targets: number, atOnce: number): void {
  if (targets <= atOnce) return;
  const what = `--single-pass reads the bundle once for all targets at the same time: ${targets} are named, --targets-at-once is ${atOnce}`;
  throw new PackferryError('E_USAGE', what, {
    hint: `Allow that many, --targets-at-once ${targets}, or import without --single-pass.`,
  });
}

interface Load extends OpenedImport, Pick<FlowOptions, 'only' | 'retag' | 'jobs'> {
  readonly lenders: readonly LendingBundle[] | undefined;
  readonly judgement: Judgement;
}

async function loadInto(
  session: Session,
  { bundle, targets, lenders, early, only, retag = [], judgement, jobs }: Load,
  options: ImportOptions,
  evidence: Evidence,
): Promise<Outcome & { readonly report: ImportReport }> {
  const { context, emit, signal } = session;
  const asked = onExistingFor(bundle, options.onExisting, judgement.policy, emit);
  const {
    report: delivered,
    errors: failures,
    approved,
    damage,
  } = await importBundle({
    ...{ bundle, targets, early, only },
    ...(lenders === undefined ? {} : { with: lenders }),
    dryRun: options.dryRun ?? false,
    keepGoing: options.keepGoing ?? false,
    jobs,
    ...paceOf(options),
    smoke: options.smoke ?? false,
    retag,
    onExisting: onExisting(context, asked),
    approve: async (plan) => {
      if (!(await approval(session, { ...options, onExisting: asked })(plan))) return false;
      await acceptBundle(bundle, { ...judgement.freshness, owner: context.owner, now: context.now });
      return true;
    },
    emit,
    onImage: evidence.image,
    signal,
  });
  evidence.isDeclined = !approved;
  if (!approved) return { report: delivered, text: '', summary: 'Nothing was loaded.' };
  const errors = [...sumUp(failures, options, 'loaded', delivered), damage ?? []].flat();
  const report = { ...delivered, ...(await writePacks(session, bundle, options, errors)) };
  evidence.packs(report.packs);
  const lines = [
    ...summaryOf(report),
    ...lentLines(report.lent),
    ...(damage === undefined || options.dryRun === true ? [] : [loadedIsWhole]),
    ...packsSummary(report, bundle, options),
  ];
  return { report, text: deliveryTable(report), summary: lines.map(visible).join('\n'), errors };
}

/** After damage that showed while images were loaded. */
const loadedIsWhole =
  'The bundle is damaged. What was loaded is whole all the same: every image was checked before the target kept it.';

/**
 * Writes the carried packs out, after the images that they need. A fault is added to the others: the images are there
 * all the same, and the report says so.
 */
async function writePacks(
  { signal }: Session,
  bundle: DeliverableBundle,
  { packsTo, dryRun, keepGoing }: ImportOptions,
  errors: PackferryError[],
): Promise<Pick<ImportReport, 'packs'>> {
  if (packsTo === undefined || dryRun === true || (errors.length > 0 && keepGoing !== true)) return {};
  signal.throwIfAborted();
  try {
    return { packs: await extractPacks(bundle, packsTo) };
  } catch (fault) {
    signal.throwIfAborted();
    const error = asPackferryError(fault);
    errors.push(error.with(`${packsTo}: the packs could not be written: ${error.message}`));
    return {};
  }
}

function packsSummary(
  { packs }: ImportReport,
  { document }: DeliverableBundle,
  { packsTo, dryRun }: ImportOptions,
): string[] {
  const carried = count(document.packs.length, 'pack');
  if (packsTo === undefined) {
    const hint = `The bundle carries ${carried}: --packs-to DIR writes them out for upload.`;
    return document.packs.length === 0 ? [] : [hint];
  }
  if (packs?.length === 0) return [`The bundle carries no packs: nothing was written to ${packsTo}.`];
  if (packs !== undefined) return [`${count(packs.length, 'pack')} written to ${packsTo}, ready for upload.`];
  return [
    dryRun === true ? `${carried} would be written to ${packsTo}.` : `No pack was written to ${packsTo}.`,
  ];
}

/** Asks before an engine is changed, where somebody can answer. */
function approval(session: Session, options: ImportOptions): (plan: ImportPlan) => Promise<boolean> {
  return async ({ bundle, targets, lent }) => {
    const { context } = session;
    const usable = targets.filter(({ error }) => error === undefined);
    const missing = usable.map(({ target, images }) => {
      const moves = options.onExisting === 'retag' || options.onExisting === 'overwrite';
      const wanted = moves ? ['absent', 'conflict'] : ['absent'];
      const absent = images.filter(
        ({ presence, refusal }) => refusal === undefined && wanted.includes(presence.state),
      );
      const moved = absent.filter(({ presence }) => presence.state === 'conflict').length;
      return { name: target.name, images: absent.length, moved, bytes: totalSize(blobsToSend(absent)) };
    });
    if (options.yes === true || !isInteractive(context) || missing.every(({ images }) => images === 0))
      return true;
    session.pause();
    const { name, sequence, createdAt } = bundle.document;
    const signers = bundle.signers
      .map(({ principal, fingerprint }) => `${principal} (${fingerprint})`)
      .join(', ');
    const tell = (line: string): boolean => context.stderr.write(`${visible(line)}\n`);
    const isGood = options.singlePass === true ? 'its images are checked while they are loaded' : 'is good';
    tell(
      `${name} ${sequence} of ${createdAt}, signed by ${signers}${options.singlePass === true ? ': ' : ', '}${isGood}.`,
    );
    const kept = options.onExisting === 'retag' ? ', which are kept' : '';
    for (const { name: where, images, moved, bytes } of missing) {
      const moving = moved === 0 ? '' : ` ${count(moved, 'name')} will be taken from other images${kept}.`;
      tell(`To ${where}: ${count(images, 'image')}, ${formatSize(bytes)}.${moving}`);
    }
    for (const line of lentLines(lent)) tell(line);
    return confirm(context, 'Load them?');
  };
}

function summaryOf({ bundle, ...report }: ImportReport): string[] {
  return deliverySummary(`${bundle.name} ${bundle.sequence}`, report);
}
