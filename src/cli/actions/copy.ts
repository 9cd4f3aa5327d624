import path from 'node:path';
import { acceptBundle } from '../../bundle/accept.ts';
import type { LendingBundle } from '../../bundle/lending-bundle.ts';
import { openBundle, type VerifiedBundle } from '../../bundle/open.ts';
import { BundleSource } from '../../bundle/source.ts';
import { PackferryError } from '../../core/errors.ts';
import { parsePlatform } from '../../core/platform.ts';
import type { ImageSource } from '../../core/ports.ts';
import { copyImages, type CopiedBundles } from '../../flows/copy.ts';
import { parseRetag } from '../../flows/retag.ts';
import { parseSource, type SourceEndpoint } from '../../flows/source-endpoint.ts';
import { Sources } from '../../flows/sources.ts';
import { closeTargets, openUsableTargets } from '../../flows/targets.ts';
import type { CopyReport } from '../../schema/reports.ts';
import { cacheFolderOf } from '../context.ts';
import { judgementOf, type JudgementOptions } from '../bundle-judgement.ts';
import { tellUnknown, type SiteFreshness } from '../freshness.ts';
import { trustedKeys } from '../keys.ts';
import { allHosts } from '../hosts.ts';
import { deliveryJobs } from '../delivery-jobs.ts';
import { lentLines, openLenders, tellIdle } from '../lenders.ts';
import { paceOf } from '../pace-options.ts';
import type { Action, CommonOptions, Outcome, Session } from '../session.ts';
import { sshAccess } from '../ssh.ts';
import { deliverySummary, deliveryTable, sumUp, unusableTarget } from '../text/delivery.ts';
import { count } from '../text/plural.ts';
import { table } from '../text/table.ts';
import { visible } from '../text/visible.ts';
import { Evidence } from '../../flows/receipt/evidence.ts';
import { withReceipts, type ReceiptOptions } from '../receipts.ts';
import { withRegistries } from './sources.ts';
import { deliveryTargets, onExisting, type DeliveryOptions } from './targets.ts';

export interface CopyOptions extends CommonOptions, DeliveryOptions, JudgementOptions, ReceiptOptions {
  readonly from?: readonly string[];
  readonly all?: boolean;
  readonly with?: readonly string[];
  readonly platform: string;
}

/** `copy IMAGE... --from ENDPOINT... --to ENDPOINT...` */
export const copyCommand: Action<CopyOptions> = async (session, images, options) => {
  // What changes nothing leaves no receipt.
  const unwritten: Begin = () => Promise.resolve(new Evidence());
  if (options.dryRun === true) return runCopy(session, images, options, unwritten);
  return withReceipts(session, { action: 'copy', options }, (receipts) =>
    runCopy(session, images, options, (dir) => receipts.begin(dir)),
  );
};

/** Takes down what is found of the bundle in a folder, or of what comes from elsewhere. */
type Begin = (dir?: string) => Promise<Evidence>;

async function runCopy(
  session: Session,
  given: readonly string[],
  options: CopyOptions,
  begin: Begin,
): Promise<Outcome & { readonly report: CopyReport }> {
  const { context, emit, signal } = session;
  const names = namesOf(given, options);
  const from = (options.from ?? ['registry:']).map((url) => parseSource(url, (text) => path.resolve(text)));
  if (options.with !== undefined && !from.some(({ scheme }) => scheme === 'bundle'))
    throw usage('--with lends what bundles leave out, and no source is a bundle');
  const platform = parsePlatform(options.platform);
  const retag = (options.retag ?? []).map(parseRetag);
  const found = await deliveryTargets(session, options, await targetsOf(session, options));
  const elsewhere = from.filter(({ scheme }) => scheme !== 'bundle').map(({ url }) => url);
  const unsigned = elsewhere.length === 0 ? undefined : await begin();
  unsigned?.unsigned(elsewhere);
  const bundles = new VerifiedBundles(session, options, begin);
  const jobs = deliveryJobs(options.jobs, found);
  const reading = { ...options, jobs: jobs * 3 };
  return withRegistries(session, { registries: new Map(), path: '' }, reading, async (registries) => {
    const sources = new Sources({
      ...{ registries, emit, signal, environment: context.env, now: context.now },
      spoolDir: path.join(cacheFolderOf(context), 'spool'),
      trustedKeys: () => trustedKeys(context, options, emit),
      ssh: sshAccess(session, options),
      openBundle: (dir) => bundles.open(dir),
    });
    const targets = await openUsableTargets(found, signal, options.targetsAtOnce, (target, error) => {
      emit({ type: 'note', level: 'warning', message: unusableTarget(target, error) });
    });
    try {
      const { report, errors } = await copyImages({
        ...{ names, from, sources, platform, targets, retag, emit, signal, jobs },
        ...paceOf(options),
        onExisting: onExisting(context, options.onExisting),
        dryRun: options.dryRun ?? false,
        keepGoing: options.keepGoing ?? false,
        bundles: () => bundles.copied(),
        begin: async (images) => {
          unsigned?.found(images.filter(({ source }) => elsewhere.includes(source)));
          await bundles.accept();
        },
        onBrought: (target, image, source) => (bundles.evidenceOf(source) ?? unsigned)?.image(target, image),
      });
      const what = count(report.images.length, 'image');
      const lines = [...deliverySummary(what, report), ...lentLines(report.lent)];
      const summary = lines.map(visible).join('\n');
      return { report, text: copyText(report), summary, errors: sumUp(errors, options, 'copied', report) };
    } finally {
      await closeTargets(targets);
      await sources.close();
    }
  });
}

/** The bundles that images are taken from: verified as for an import, and remembered before anything leaves them. */
class VerifiedBundles {
  readonly #session: Session;
  readonly #options: JudgementOptions & Pick<CopyOptions, 'with'>;
  readonly #begin: Begin;
  /** By their absolute folders. */
  readonly #opened = new Map<
    string,
    { readonly bundle: VerifiedBundle; readonly freshness: SiteFreshness; readonly evidence: Evidence }
  >();
  #lending: Promise<readonly LendingBundle[] | undefined> | undefined;
  #lenders: readonly LendingBundle[] | undefined;

  constructor(session: Session, options: JudgementOptions & Pick<CopyOptions, 'with'>, begin: Begin) {
    this.#session = session;
    this.#options = options;
    this.#begin = begin;
  }

  async open(dir: string): Promise<ImageSource> {
    const evidence = await this.#begin(dir);
    const judgement = await judgementOf(this.#session, this.#options, evidence);
    const { freshness } = judgement;
    // Judged alike, whichever of the sources leaves something out: opened once, before any of these is read.
    this.#lenders = await (this.#lending ??= openLenders(this.#options.with, judgement));
    const bundle = await openBundle(dir, judgement);
    tellUnknown(bundle, freshness, 'warning', this.#session.emit);
    if (bundle.document.requires.length > 0) evidence.lenders(this.#lenders);
    this.#opened.set(dir, { bundle, freshness, evidence });
    return new BundleSource(bundle);
  }

  /** What images are copied from, and what may lend. */
  copied(): CopiedBundles {
    const opened = new Map([...this.#opened].map(([dir, { bundle }]) => [dir, bundle]));
    tellIdle([...opened.values()], this.#lenders, this.#session.emit);
    return { opened, with: this.#lenders };
  }

  /** What takes down how images of this source fare; undefined for one that is no bundle. */
  evidenceOf(source: SourceEndpoint | undefined): Evidence | undefined {
    return source?.scheme === 'bundle' ? this.#opened.get(source.rest)?.evidence : undefined;
  }

  async accept(): Promise<void> {
    const { owner, now } = this.#session.context;
    for (const { bundle, freshness } of this.#opened.values()) {
      await acceptBundle(bundle, { ...freshness, owner, now });
    }
  }
}

function namesOf(images: readonly string[], { all, from }: CopyOptions): readonly string[] {
  if (all === true && images.length > 0) throw usage('--all and names of images exclude each other', from);
  if (all !== true && images.length === 0) throw usage('no image is named', from);
  return all === true ? ['**'] : images;
}

async function targetsOf(session: Session, options: CopyOptions): Promise<readonly string[]> {
  const hosts = await allHosts(session, options.to ?? [], options);
  if (hosts.length > 0) return hosts.map(({ url }) => url);
  throw usage('no target is named', options.from);
}

function usage(message: string, [from = 'bundle:DIR']: readonly string[] = []): PackferryError {
  return new PackferryError('E_USAGE', message, {
    hint: `For instance: packferry copy demisto/python3:3.12.13.11694875 --from ${from} --to registry://registry.example`,
  });
}

/** Where each image comes from and by which digest, then how it fared. */
function copyText(report: CopyReport): string {
  const found = table(report.images, [
    { title: 'IMAGE', value: ({ reference }) => reference },
    { title: 'DIGEST', value: ({ manifest, config }) => (manifest ?? config).digest },
    { title: 'FROM', value: ({ source }) => source },
  ]);
  return [found, deliveryTable(report)].join('\n\n');
}
