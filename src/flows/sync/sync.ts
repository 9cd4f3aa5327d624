import { PackferryError } from '../../core/errors.ts';
import type { Emit } from '../../core/events.ts';
import type { StageFolder } from '../../engine/stage/staged-target.ts';
import { lockedNameOf } from '../../core/reference.ts';
import { reportVersion } from '../../schema/reports.ts';
import type { SyncReport } from '../../schema/reports-hosts.ts';
import { KeptConnections, type FoundEngine } from '../inventory/engines.ts';
import { isLost, lostErrors, reportHosts, surveyHosts, type SurveyedHost } from '../inventory/survey.ts';
import type { OnExisting } from '../on-existing.ts';
import type { Pace } from '../pace.ts';
import type { Evidence } from '../receipt/evidence.ts';
import { bring, type Work } from './bring.ts';
import { takeDown, takeDownHosts } from './evidence.ts';
import { giverOf, planSync, type SyncImage } from './plan.ts';

export interface SyncOptions extends Pace {
  /** The hosts that are to have the same images. */
  readonly engines: readonly FoundEngine[];
  /** Whose images count; it need not be one of the hosts. */
  readonly authority?: FoundEngine | undefined;
  /** Which images: at least one pattern. */
  readonly patterns: readonly string[];
  /** Absolute folder for images on their way, kept for a week; made when it is needed. */
  readonly spoolDir: string;
  /** What happens to names that stand for other images than the authority's. */
  readonly onExisting: OnExisting;
  readonly dryRun: boolean;
  /** Goes on without hosts that cannot be asked, and with other images when some fail. */
  readonly keepGoing: boolean;
  /** Images that are brought to one host at the same time. */
  readonly jobs: number;
  /** Hosts that are asked at the same time. */
  readonly hostsAtOnce: number;
  /** Milliseconds that an engine may neither take nor say anything while it loads. Default: 10 minutes. */
  readonly loadIdle?: number;
  /** Brings images to hosts over SSH by way of a folder there; in one stream where this is absent. */
  readonly stage?: StageFolder;
  /** Shown the plan before anything is saved or brought; false ends it. */
  readonly approve: (plan: SyncReport) => Promise<boolean>;
  /** Told how every image stands at every host, and what comes of those that are brought. */
  readonly evidence?: Evidence;
  readonly emit: Emit;
  readonly signal: AbortSignal;
}

export interface Synced {
  readonly report: SyncReport;
  readonly errors: readonly PackferryError[];
  readonly approved: boolean;
}

/**
 * Gives every host the images that the others have, or that an authority has. All hosts are asked first: without
 * `keepGoing` nothing is brought when one of them does not answer. Names that stand for different images are told as
 * `E_TAG_CONFLICT` and left alone, unless an authority says whose image counts and `onExisting` what to do.
 */
export async function syncHosts(options: SyncOptions): Promise<Synced> {
  const kept = new KeptConnections();
  const { authority, engines } = options;
  try {
    return await syncEngines({
      ...options,
      engines: engines.map((one) => kept.keep(one)),
      authority: authority && kept.keep(authority),
    });
  } finally {
    await kept.close();
  }
}

async function syncEngines(options: SyncOptions): Promise<Synced> {
  const { engines, authority: of, patterns, hostsAtOnce, dryRun, keepGoing, emit, signal } = options;
  const isApart = of !== undefined && !engines.some(({ host }) => host.url === of.host.url);
  const survey = { patterns, expected: [], jobs: hostsAtOnce, emit, signal };
  const answers = await surveyHosts(isApart ? [of, ...engines] : engines, survey);
  const lost = answers.flatMap((one) => (isLost(one) ? [one] : []));
  const { evidence } = options;
  evidence?.unsigned((of === undefined ? engines : [of]).map(({ host }) => host.url));
  if (evidence !== undefined)
    takeDownHosts(
      evidence,
      answers.filter(({ host }) => !isApart || host.url !== of.host.url),
    );
  const own = lost.find(({ host }) => host.url === of?.host.url);
  if (own !== undefined) throw own.error;
  if (lost.length > 0 && (lost.length === answers.length || (!keepGoing && !dryRun)))
    throw notAll(
      answers.length,
      lost.map(({ error }) => error),
    );

  const surveyed = answers.flatMap((one) => (isLost(one) ? [] : [one]));
  const authority = of && surveyed.find(({ host }) => host.url === of.host.url);
  const hosts = isApart ? surveyed.filter((one) => one !== authority) : surveyed;
  const plan = planSync(hosts, authority);
  const report: SyncReport = {
    schemaVersion: reportVersion,
    dryRun,
    hosts: reportHosts(answers),
    ...(authority === undefined ? {} : { authority: authority.host.name }),
    images: plan.map((image) => reportImage(image, authority)),
    targets: [],
  };
  const conflicts = conflictErrors(plan, options);
  const errors = [...lostErrors(answers), ...(dryRun ? [] : conflicts.values())];
  const work = workOf(plan, hosts, options);
  if (evidence !== undefined) takeDown(evidence, { hosts, plan, work, conflicts });
  if (dryRun || work.length === 0) return { report, errors, approved: true };
  if (!(await options.approve(report))) return { report, errors: [], approved: false };
  const brought = await bring(work, authority, options);
  return {
    report: { ...report, targets: brought.targets },
    errors: [...errors, ...brought.errors],
    approved: true,
  };
}

function workOf(
  plan: readonly SyncImage[],
  hosts: readonly SurveyedHost[],
  { onExisting }: SyncOptions,
): Work {
  const isMoved = onExisting !== 'error' && onExisting !== 'keep';
  const isWanted = (image: SyncImage, host: SurveyedHost): boolean =>
    image.meant !== undefined &&
    (image.lacking.includes(host) ||
      (isMoved && image.conflicts.some((group) => group.hosts.includes(host))));
  const work = hosts.map((host) => ({ host, images: plan.filter((image) => isWanted(image, host)) }));
  return work.filter(({ images }) => images.length > 0);
}

function reportImage(image: SyncImage, authority: SurveyedHost | undefined): SyncReport['images'][number] {
  const { reference, meant, conflicts, lacking } = image;
  const giver = giverOf(image, authority);
  const names = (hosts: readonly SurveyedHost[]): string[] => hosts.map(({ host }) => host.name);
  return {
    reference: lockedNameOf(reference),
    ...(meant === undefined ? {} : { id: meant.image.id }),
    ...(meant === undefined || giver === undefined ? {} : { from: giver.host.name }),
    had: names(meant?.hosts ?? []),
    lacked: names(lacking),
    conflicts: conflicts.map((group) => ({ id: group.image.id, hosts: names(group.hosts) })),
  };
}

/** One error for each name that stays as it is although it stands for different images, by the name. */
function conflictErrors(
  plan: readonly SyncImage[],
  { onExisting }: SyncOptions,
): ReadonlyMap<string, PackferryError> {
  const errors = plan.flatMap(({ reference, meant, conflicts }) => {
    if (conflicts.length === 0 || (meant !== undefined && onExisting !== 'error')) return [];
    const groups = [...(meant === undefined ? [] : [meant]), ...conflicts];
    const told = groups.map(
      ({ image, hosts }) => `${image.id} on ${hosts.map(({ host }) => host.name).join(', ')}`,
    );
    const message = `${lockedNameOf(reference)} stands for different images: ${told.join('; ')}`;
    const hint =
      meant === undefined
        ? 'Say whose image counts with --from ENDPOINT, and with --on-existing what becomes of the others.'
        : 'With --on-existing retag the name is moved and the other image is kept under another one.';
    return [[lockedNameOf(reference), new PackferryError('E_TAG_CONFLICT', message, { hint })] as const];
  });
  return new Map(errors);
}

function notAll(all: number, errors: readonly PackferryError[]): PackferryError {
  const [first] = errors;
  if (first !== undefined && errors.length === 1 && all === 1) return first;
  return new PackferryError(
    first?.code ?? 'E_SOURCE_UNREACHABLE',
    `nothing was brought: ${errors.length} of ${all} hosts could not be asked`,
    { hint: 'With --keep-going the others are made the same without them; --limit leaves them out.', errors },
  );
}
