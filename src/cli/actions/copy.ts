import path from 'node:path';
import { acceptBundle } from '../../bundle/accept.ts';
import { openBundle, type VerifiedBundle } from '../../bundle/open.ts';
import { BundleSource } from '../../bundle/source.ts';
import { PackferryError } from '../../core/errors.ts';
import { parsePlatform } from '../../core/platform.ts';
import type { ImageSource } from '../../core/ports.ts';
import { copyImages } from '../../flows/copy.ts';
import { parseRetag } from '../../flows/retag.ts';
import { parseSource } from '../../flows/source-endpoint.ts';
import { Sources } from '../../flows/sources.ts';
import { closeTargets, openTargets } from '../../flows/targets.ts';
import type { CopyReport } from '../../schema/reports.ts';
import { cacheFolderOf } from '../context.ts';
import { judgementOf, type JudgementOptions } from '../bundle-judgement.ts';
import { tellUnknown, type SiteFreshness } from '../freshness.ts';
import { trustedKeys } from '../keys.ts';
import type { RegistryOptions } from '../network.ts';
import { deliveryJobs } from '../delivery-jobs.ts';
import type { PatienceOptions } from '../options.ts';
import type { Action, CommonOptions, Session } from '../session.ts';
import { sshAccess } from '../ssh.ts';
import type { SshOptions } from '../ssh-options.ts';
import { deliverySummary, deliveryTable, sumUp } from '../text/delivery.ts';
import { count } from '../text/plural.ts';
import { table } from '../text/table.ts';
import { visible } from '../text/visible.ts';
import { withRegistries } from './sources.ts';
import { deliveryTargets, onExisting, type DeliveryOptions } from './targets.ts';

export interface CopyOptions
  extends CommonOptions, RegistryOptions, PatienceOptions, SshOptions, DeliveryOptions, JudgementOptions {
  readonly from?: readonly string[];
  readonly all?: boolean;
  readonly platform: string;
}

/** `copy IMAGE... --from ENDPOINT... --to ENDPOINT...` */
export const copyCommand: Action<CopyOptions> = async (session, images, options) => {
  const { context, emit, signal } = session;
  const names = namesOf(images, options);
  const from = (options.from ?? ['registry:']).map((url) => parseSource(url, (text) => path.resolve(text)));
  const platform = parsePlatform(options.platform);
  const retag = (options.retag ?? []).map(parseRetag);
  const found = await deliveryTargets(session, options, targetsOf(options));
  const bundles = new VerifiedBundles(session, options);
  const jobs = deliveryJobs(options.jobs, options.to ?? []);
  const reading = { ...options, jobs: jobs * 3 };
  return withRegistries(session, { registries: new Map(), path: '' }, reading, async (registries) => {
    const sources = new Sources({
      ...{ registries, emit, signal, environment: context.env, now: context.now },
      spoolDir: path.join(cacheFolderOf(context), 'spool'),
      trustedKeys: () => trustedKeys(context, options, emit),
      ssh: sshAccess(session, options),
      openBundle: (dir) => bundles.open(dir),
    });
    const targets = await openTargets(found, signal);
    try {
      const { report, errors } = await copyImages({
        ...{ names, from, sources, platform, targets, retag, emit, signal, jobs },
        onExisting: onExisting(context, options),
        dryRun: options.dryRun ?? false,
        keepGoing: options.keepGoing ?? false,
        begin: () => bundles.accept(),
      });
      const what = count(report.images.length, 'image');
      const summary = deliverySummary(what, report).map(visible).join('\n');
      return { report, text: copyText(report), summary, errors: sumUp(errors, options, 'copied') };
    } finally {
      await closeTargets(targets);
      await sources.close();
    }
  });
};

/** The bundles that images are taken from: verified as for an import, and remembered before anything leaves them. */
class VerifiedBundles {
  readonly #session: Session;
  readonly #options: JudgementOptions;
  readonly #opened: { readonly bundle: VerifiedBundle; readonly freshness: SiteFreshness }[] = [];

  constructor(session: Session, options: JudgementOptions) {
    this.#session = session;
    this.#options = options;
  }

  async open(dir: string): Promise<ImageSource> {
    const judgement = await judgementOf(this.#session, this.#options);
    const { freshness } = judgement;
    const bundle = await openBundle(dir, judgement);
    tellUnknown(bundle, freshness, 'warning', this.#session.emit);
    this.#opened.push({ bundle, freshness });
    return new BundleSource(bundle);
  }

  async accept(): Promise<void> {
    const { owner, now } = this.#session.context;
    for (const { bundle, freshness } of this.#opened) {
      await acceptBundle(bundle, { ...freshness, owner, now });
    }
  }
}

function namesOf(images: readonly string[], { all, from }: CopyOptions): readonly string[] {
  if (all === true && images.length > 0) throw usage('--all and names of images exclude each other', from);
  if (all !== true && images.length === 0) throw usage('no image is named', from);
  return all === true ? ['**'] : images;
}

function targetsOf({ to = [], from }: CopyOptions): readonly string[] {
  if (to.length > 0) return to;
  throw usage('no target is named', from);
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
    { title: 'DIGEST', value: ({ manifest }) => manifest.digest },
    { title: 'FROM', value: ({ source }) => source },
  ]);
  return [found, deliveryTable(report)].join('\n\n');
}
