import { formatSize } from '../../core/size.ts';
import { asPackferryError, PackferryError } from '../../core/errors.ts';
import { totalSize } from '../../core/image.ts';
import { formatReference, parseReference } from '../../core/reference.ts';
import { acceptBundle } from '../../bundle/accept.ts';
import { extractPacks } from '../../bundle/carried-packs.ts';
import { openBundle, type VerifiedBundle } from '../../bundle/open.ts';
import { closeTargets, findTargets, openTargets } from '../../flows/targets.ts';
import { blobsToSend } from '../../flows/deliver.ts';
import { Evidence } from '../../flows/receipt/evidence.ts';
import { chooseImages, importBundle, type ImportPlan } from '../../flows/import.ts';
import type { ImportReport } from '../../schema/reports.ts';
import { judgementOf, type JudgementOptions } from '../bundle-judgement.ts';
import { tellUnknown } from '../freshness.ts';
import { confirm, isInteractive } from '../prompt.ts';
import { withReceipt, type ReceiptOptions } from '../receipts.ts';
import type { Action, CommonOptions, Outcome, Session } from '../session.ts';
import { sshAccess } from '../ssh.ts';
import type { SshOptions } from '../ssh-options.ts';
import { count } from '../text/plural.ts';
import { table } from '../text/table.ts';
import { visible } from '../text/visible.ts';

export interface ImportOptions extends SshOptions, CommonOptions, JudgementOptions, ReceiptOptions {
  readonly to?: readonly string[];
  readonly image?: readonly string[];
  readonly packsTo?: string;
  readonly dryRun?: boolean;
  readonly keepGoing?: boolean;
  readonly retagExisting?: boolean;
  readonly smoke?: boolean;
  readonly yes?: boolean;
  readonly jobs: number;
}

/** `import BUNDLE [--to ENDPOINT]...` */
export const importCommand: Action<ImportOptions> = async (session, [dir = ''], options) => {
  // What changes nothing leaves no receipt: it would only fill the chain.
  if (options.dryRun === true) return runImport(session, dir, options, new Evidence());
  return withReceipt(session, { action: 'import', dir, options }, (evidence) =>
    runImport(session, dir, options, evidence),
  );
};

async function runImport(
  session: Session,
  dir: string,
  options: ImportOptions,
  evidence: Evidence,
): Promise<Outcome & { readonly report: ImportReport }> {
  const { context, emit, signal } = session;
  const judgement = await judgementOf(session, options, evidence);
  // Before the bundle is read: that may take long, and a slip of the pen need not wait for it.
  const only = (options.image ?? []).map((text) => formatReference(parseReference(text)));
  const found = await findTargets(options.to ?? ['docker:'], {
    environment: context.env,
    ssh: sshAccess(session, options),
    emit,
  });
  const bundle = await openBundle(dir, judgement);
  const { freshness } = judgement;
  tellUnknown(bundle, freshness, 'warning', emit);
  // Before a target is touched: the bundle may not hold what is asked for.
  chooseImages(bundle, only);
  const targets = await openTargets(found, signal);
  try {
    const {
      report: delivered,
      errors: failures,
      approved,
    } = await importBundle({
      bundle,
      targets,
      only,
      dryRun: options.dryRun ?? false,
      keepGoing: options.keepGoing ?? false,
      jobs: options.jobs,
      smoke: options.smoke ?? false,
      ...(options.retagExisting === true ? { retagExisting: `-before-${compactTime(context.now)}` } : {}),
      approve: async (plan) => {
        if (!(await approval(session, options)(plan))) return false;
        await acceptBundle(bundle, { ...freshness, owner: context.owner, now: context.now });
        return true;
      },
      emit,
      onImage: evidence.image,
      signal,
    });
    evidence.isDeclined = !approved;
    if (!approved) return { report: delivered, text: '', summary: 'Nothing was loaded.' };
    const errors = [...sumUp(failures, options)];
    const report = { ...delivered, ...(await writePacks(session, bundle, options, errors)) };
    evidence.packs(report.packs);
    const summary = [...summaryOf(report), ...packsSummary(report, bundle, options)].map(visible).join('\n');
    return { report, text: importText(report), summary, errors };
  } finally {
    await closeTargets(targets);
  }
}

/**
 * Writes the carried packs out, after the images that they need. A fault is added to the others: the images are there
 * all the same, and the report says so.
 */
async function writePacks(
  { signal }: Session,
  bundle: VerifiedBundle,
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
  { document }: VerifiedBundle,
  { packsTo, dryRun }: ImportOptions,
): string[] {
  const carried = count(document.packs.length, 'pack');
  if (packsTo === undefined) {
    const hint = `The bundle carries ${carried}: --packs-to DIR writes them out for upload.`;
    return document.packs.length === 0 ? [] : [hint];
  }
  if (packs !== undefined) return [`${count(packs.length, 'pack')} written to ${packsTo}, ready for upload.`];
  return [
    dryRun === true ? `${carried} would be written to ${packsTo}.` : `No pack was written to ${packsTo}.`,
  ];
}

/** With --keep-going, some failures among successes are a partial success, and the exit status says so. */
function sumUp(errors: readonly PackferryError[], options: ImportOptions): readonly PackferryError[] {
  if (errors.length === 0 || options.keepGoing !== true) return errors;
  return [
    new PackferryError('E_PARTIAL', `${count(errors.length, 'image')} could not be loaded`, { errors }),
  ];
}

/** A time that may stand in a tag: `20261125T120000Z`. */
function compactTime(time: Date): string {
  return `${time.toISOString().slice(0, 19).replaceAll(/[-:]/g, '')}Z`;
}

/** Asks before an engine is changed, where somebody can answer. */
function approval(session: Session, options: ImportOptions): (plan: ImportPlan) => Promise<boolean> {
  return async ({ bundle, targets }) => {
    const { context } = session;
    const missing = targets.map(({ target, images }) => {
      const wanted = options.retagExisting === true ? ['absent', 'conflict'] : ['absent'];
      const absent = images.filter(({ presence }) => wanted.includes(presence.state));
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
    tell(`${name} ${sequence} of ${createdAt}, signed by ${signers}, is good.`);
    for (const { name: where, images, moved, bytes } of missing) {
      const moving =
        moved === 0 ? '' : ` ${count(moved, 'name')} will be taken from other images, which are kept.`;
      tell(`To ${where}: ${count(images, 'image')}, ${formatSize(bytes)}.${moving}`);
    }
    return confirm(context, 'Load them?');
  };
}

function importText({ targets, dryRun }: ImportReport): string {
  return targets
    .map(({ name, images }) => {
      const rows = table(images, [
        { title: 'STATUS', value: ({ status }) => (status === 'pending' && dryRun ? 'would load' : status) },
        {
          title: dryRun ? 'TO SEND' : 'SENT',
          align: 'right',
          value: ({ bytesSent, bytesMissing = bytesSent }) => formatSize(bytesMissing),
        },
        { title: 'IMAGE', value: ({ reference }) => reference },
      ]);
      return targets.length === 1 ? rows : `${name}\n${rows}`;
    })
    .join('\n\n');
}

function summaryOf({ bundle, targets, dryRun }: ImportReport): string[] {
  return targets.map(({ name, images }) => {
    const number = (status: string): number => images.filter((image) => image.status === status).length;
    const parts = [
      dryRun ? `${number('pending')} would be loaded` : `${number('loaded')} loaded`,
      `${number('present')} already present`,
      ...(number('failed') > 0 ? [`${number('failed')} failed`] : []),
      ...(!dryRun && number('pending') > 0 ? [`${number('pending')} not tried`] : []),
    ];
    return `${bundle.name} ${bundle.sequence} to ${name}: ${parts.join(', ')}.`;
  });
}
