import type { Emit } from '../core/events.ts';
import type { ImageSource } from '../core/ports.ts';
import { onePerImage, packVolumes } from '../archive/volumes.ts';
import { planVolumes, type BundleContent, type BundledImage } from '../bundle/document.ts';
import { reportVersion, type PlanReport } from '../schema/reports.ts';
import { reportArchives, reportError, reportImage, totalsOf } from './report.ts';
import type { Resolved } from './resolve.ts';
import { resolveAll } from './resolve.ts';
import type { Selection } from './selection.ts';

export interface PlanOptions {
  readonly selection: Selection;
  readonly source: ImageSource;
  readonly perImage: boolean;
  readonly jobs: number;
  readonly emit: Emit;
  readonly signal: AbortSignal;
}

export interface Planned {
  readonly report: PlanReport;
  readonly resolved: Resolved;
}

/** Says what an export would carry, without fetching a layer. Images that cannot be had are reported, all of them. */
export async function planExport(options: PlanOptions): Promise<Planned> {
  const { selection } = options;
  const { platform } = selection.manifest;
  const resolved = await resolveAll(selection.wanted, { ...options, platform });
  return { report: planReportOf(selection, resolved, options.perImage), resolved };
}

/** The report of what is resolved. */
export function planReportOf(selection: Selection, resolved: Resolved, perImage: boolean): PlanReport {
  const content = contentOf(selection, resolved.images, perImage);
  return {
    schemaVersion: reportVersion,
    name: content.name,
    platform: content.platform,
    packs: selection.packs.map(({ id, version }) => (version === undefined ? { id } : { id, version })),
    images: resolved.images.map(reportImage),
    archives: reportArchives(planVolumes(content)),
    totals: totalsOf(resolved.images.map(({ image }) => image)),
    errors: resolved.errors.map(reportError),
  };
}

/** Divides the images into volumes: what a bundle is to hold. Throws `E_IMAGE_TOO_LARGE`. */
export function contentOf(
  selection: Selection,
  images: readonly BundledImage[],
  perImage: boolean,
): BundleContent {
  const { name, platform, volumeSize } = selection.manifest;
  const byReference = new Map(images.map((bundled) => [bundled.image.reference, bundled]));
  const locked = images.map(({ image }) => image);
  const groups = perImage ? onePerImage(locked, volumeSize) : packVolumes(locked, volumeSize);
  const volumes = groups.map((group) => group.flatMap(({ reference }) => byReference.get(reference) ?? []));
  return { name, platform, volumes, findings: [], packs: [] };
}
