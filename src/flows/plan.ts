import pLimit from 'p-limit';
import type { Emit } from '../core/events.ts';
import { blobsOf, totalSize, type LockedImage } from '../core/image.ts';
import type { ImageSource } from '../core/ports.ts';
import { formatReference } from '../core/reference.ts';
import { onePerImage, packVolumes } from '../archive/volumes.ts';
import type { CarriedPack } from '../bundle/carried-packs.ts';
import {
  leftOutOf,
  planVolumes,
  type BundleContent,
  type BundledImage,
  type LeftOut,
} from '../bundle/document.ts';
import { reportVersion } from '../schema/reports.ts';
import type { PlanReport } from '../schema/reports-plan.ts';
import type { PullCounts } from '../registry/source.ts';
import type { Base } from './base/base.ts';
import { carriedOf, leaveOut } from './base/leave-out.ts';
import { reportImageLeftOut, reportLeftOut } from './base/report.ts';
import { packsToCarry } from './packs-to-carry.ts';
import { pullLimitsOf, pullsToCome, warnOfLimits } from './pull-limits.ts';
import { reportArchives, reportError, totalsOf } from './report.ts';
import { withResolvedFindings } from './resolved-findings.ts';
import { resolveAll, type Resolved } from './resolve.ts';
import type { Selection } from './selection.ts';
import { bytesOnlyIn, savingsOf, sharedBytes } from './sharing.ts';
import { askWitness } from './witness.ts';

export interface PlanOptions {
  readonly selection: Selection;
  readonly source: ImageSource;
  /** What the registries say of the pulls that they allow, when the source is made of registries. */
  readonly pulls?: PullCounts;
  readonly perImage: boolean;
  /** What the far side has: it is left out. */
  readonly bases?: readonly Base[];
  readonly jobs: number;
  /** A folder with pages of dockerfiles-info, to compare digests with. */
  readonly witness?: string;
  readonly emit: Emit;
  readonly signal: AbortSignal;
}

export interface Planned {
  readonly report: PlanReport;
  readonly resolved: Resolved;
  /** Everything that the image policy says, also what only resolved images tell. */
  readonly findings: Selection['findings'];
}

/** How many ways to save bytes a plan names. */
const savingsShown = 5;

/** Says what an export would carry, without fetching a layer. Images that cannot be had are reported, all of them. */
export async function planExport(options: PlanOptions): Promise<Planned> {
  const { selection, witness } = options;
  const { platform } = selection.manifest;
  const found = await resolveAll(selection.wanted, { ...options, platform });
  // Not those of the images that are left out.
  const needed = pullsToCome(options.pulls);
  const resolved = witness === undefined ? found : await askWitness(found, witness, options.signal);
  const judged = withResolvedFindings(selection, resolved, options.emit);
  const left = await resolveExcluded(options);
  const pullLimits = pullLimitsOf(options.pulls, needed);
  warnOfLimits(pullLimits, options.emit);
  const images = resolved.images.map(({ image }) => image);
  const leftOut = leaveOut(images, options.bases ?? [], options.emit);
  const shape = { perImage: options.perImage, excluded: left, leftOut };
  const report = { ...planReportOf(judged, resolved, shape), pullLimits };
  return { report, resolved, findings: judged.findings };
}

/** The excluded images, by name; those that cannot be had are nobody's loss. */
async function resolveExcluded(options: PlanOptions): Promise<Map<string, LockedImage>> {
  const { selection, source, signal } = options;
  const limit = pLimit(options.jobs);
  const found = new Map<string, LockedImage>();
  const resolveOne = async ({ wanted: { reference } }: Selection['excluded'][number]): Promise<void> => {
    signal.throwIfAborted();
    try {
      const image = await source.resolve(reference, selection.manifest.platform, signal);
      found.set(formatReference(reference), image);
    } catch {
      signal.throwIfAborted();
    }
  };
  await Promise.all(selection.excluded.map((image) => limit(resolveOne, image)));
  return found;
}

/** What a bundle is to be like, and what is to be told of it. */
export interface PlanShape {
  readonly perImage: boolean;
  readonly leftOut: LeftOut;
  /** The excluded images by name, when their sizes are to be told. */
  readonly excluded?: ReadonlyMap<string, LockedImage>;
}

/** The report of what is resolved. */
export function planReportOf(
  selection: Selection,
  resolved: Resolved,
  { perImage, leftOut, excluded }: PlanShape,
): PlanReport {
  const content = contentOf(selection, resolved.images, perImage, leftOut);
  const { requires } = leftOut;
  const images = resolved.images.map(({ image }) => image);
  return {
    schemaVersion: reportVersion,
    name: content.name,
    platform: content.platform,
    ...(content.audience === undefined ? {} : { audience: [...content.audience] }),
    packs: reportPacks(selection, content.packs),
    images: reportImages(selection, resolved, requires),
    excluded: reportExcluded(selection, images, excluded),
    archives: reportArchives(planVolumes(content)),
    totals: totalsOf(images),
    ...reportLeftOut(requires),
    pullLimits: [],
    savings: savingsOf(carriedOf(images, requires), savingsShown),
    errors: resolved.errors.map(reportError),
  };
}

function reportPacks({ manifest, packs }: Selection, carried: readonly CarriedPack[]): PlanReport['packs'] {
  const zips = new Set(carried.map(({ zip }) => zip));
  return packs.map(({ id, version, zip, requiredBy }) => ({
    id,
    ...(version === undefined ? {} : { version }),
    ...(requiredBy === undefined ? {} : { requiredBy: [...requiredBy] }),
    ...(manifest.carriesPacks ? { carried: zip !== undefined && zips.has(zip) } : {}),
  }));
}

function reportImages(
  { findings }: Selection,
  { images, disputes }: Resolved,
  requires: LeftOut['requires'],
): PlanReport['images'] {
  const shared = sharedBytes(images.map(({ image }) => image));
  return images.map(({ image, usedBy, witness }) => {
    const { reference, manifest, config, source } = image;
    const said = disputes?.has(reference) === true ? 'disagrees' : witness;
    return {
      ...{ reference, manifest, config, source },
      bytes: totalSize(blobsOf(image)),
      bytesShared: shared.get(reference) ?? 0,
      ...reportImageLeftOut(image, requires),
      usedBy: [...usedBy],
      findings: findings.filter((finding) => finding.reference === reference),
      ...(said === undefined ? {} : { witness: said }),
    };
  });
}

function reportExcluded(
  { excluded }: Selection,
  kept: readonly LockedImage[],
  left: ReadonlyMap<string, LockedImage> | undefined,
): PlanReport['excluded'] {
  const images = excluded.map(({ wanted, pattern }) => {
    const reference = formatReference(wanted.reference);
    const image = left?.get(reference);
    return { reference, pattern, ...(image === undefined ? {} : { bytes: totalSize(blobsOf(image)) }) };
  });
  return left === undefined ? { images } : { images, bytes: bytesOnlyIn([...left.values()], kept) };
}

/** Divides the images into volumes: what a bundle is to hold. Throws `E_IMAGE_TOO_LARGE`, or
 * `E_PACK_INVALID` when two packs that are to be carried have one id. */
export function contentOf(
  selection: Selection,
  images: readonly BundledImage[],
  perImage: boolean,
  leftOut?: LeftOut,
): BundleContent {
  const { manifest, findings } = selection;
  const { name, platform, volumeSize, expiresAfter, audience, onExisting } = manifest;
  const byReference = new Map(images.map((bundled) => [bundled.image.reference, bundled]));
  const locked = images.map(({ image }) => image);
  const divide = perImage ? onePerImage : packVolumes;
  const groups = divide(locked, volumeSize, leftOutOf(leftOut?.requires ?? []));
  const volumes = groups.map((group) => group.flatMap(({ reference }) => byReference.get(reference) ?? []));
  return {
    ...{ name, platform, volumes, packs: packsToCarry(selection) },
    findings: findings.filter(
      ({ severity, reference }) => severity === 'warning' && byReference.has(reference),
    ),
    ...(leftOut === undefined || leftOut.requires.length === 0 ? {} : { leftOut }),
    ...(expiresAfter === undefined ? {} : { expiresAfter }),
    ...(audience === undefined ? {} : { audience }),
    ...(onExisting === undefined ? {} : { onExisting }),
  };
}
