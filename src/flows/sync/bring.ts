import type { PackferryError } from '../../core/errors.ts';
import type { LockedImage } from '../../core/image.ts';
import { defaultPlatform } from '../../core/platform.ts';
import type { ImageSource, ImageTarget } from '../../core/ports.ts';
import { lockedNameOf } from '../../core/reference.ts';
import { openDockerTarget } from '../../engine/docker-target.ts';
import { openEngineSource } from '../../engine/engine-source.ts';
import type { ImportedImage } from '../../schema/reports.ts';
import type { SyncReport } from '../../schema/reports-hosts.ts';
import { deliverToTargets, refuseConflicts, surveyTargets, warnOfLeftOut } from '../delivery.ts';
import type { SurveyedHost } from '../inventory/survey.ts';
import { askForObjections } from '../preflight.ts';
import { resolveAll, throwUnresolved, unresolved } from '../resolve.ts';
import { takeStraight, withoutSaving } from '../straight-through.ts';
import { closeTargets, openUsableTargets, type NamedTarget } from '../targets.ts';
import { giverOf, type SyncImage } from './plan.ts';
import { sourceOfHosts } from './source.ts';
import type { SyncOptions } from './sync.ts';

/** The images that each host is to get. */
export type Work = readonly { readonly host: SurveyedHost; readonly images: readonly SyncImage[] }[];

/** What was brought, and all that failed. */
export interface Brought {
  readonly targets: SyncReport['targets'];
  readonly errors: readonly PackferryError[];
}

/**
 * Brings each host its own images, straight from where they are or saved into files first. A host that is lost
 * meanwhile is told, and the others get theirs.
 */
export async function bring(
  work: Work,
  authority: SurveyedHost | undefined,
  options: SyncOptions,
): Promise<Brought> {
  const { spoolDir, jobs, keepGoing, emit, signal, targetsAtOnce, retries, retryDelay } = options;
  const again = {
    ...(retries === undefined ? {} : { retries }),
    ...(retryDelay === undefined ? {} : { retryDelay }),
  };
  const wanted = [...new Set(work.flatMap(({ images }) => images))];
  let targets: readonly ImageTarget[] = [];
  let source: ImageSource | undefined;
  try {
    // Hosts that cannot be opened are called by their URL, the others as their engine is.
    const meantFor = new Map(work.map(({ host, images }) => [host.host.url, images]));
    const urls = new Map<string, string>();
    const found = work.map(({ host, images }): NamedTarget => {
      const open = async (): Promise<ImageTarget> => {
        const target = await openTarget(host, options);
        meantFor.set(target.name, images);
        urls.set(target.name, host.host.url);
        return target;
      };
      return Object.assign(open, { url: host.host.url });
    });
    targets = await openUsableTargets(found, signal, targetsAtOnce);
    const isStraight = takeStraight(targets, targetsAtOnce);
    const openSource = async ({ engine }: SurveyedHost): Promise<ImageSource> => {
      const opened = await openEngineSource(await engine.connect(signal), {
        spoolDir,
        ...again,
        emit,
        signal,
      });
      return isStraight ? withoutSaving(opened) : opened;
    };
    source = sourceOfHosts(wanted, (image) => giverOf(image, authority), openSource);
    const references = wanted.map(({ reference }) => ({ reference, usedBy: [] }));
    // The source knows the platform of each image.
    const resolving = { source, platform: defaultPlatform, jobs: jobs * 2, emit, signal };
    const resolved = await resolveAll(references, resolving);
    if (!keepGoing) throwUnresolved(resolved);
    const locked = new Map(resolved.images.map(({ image }) => [image.reference, image]));
    const imagesFor = ({ name }: ImageTarget): LockedImage[] =>
      (meantFor.get(name) ?? []).flatMap(({ reference }) => locked.get(lockedNameOf(reference)) ?? []);
    const surveyed = await surveyTargets(targets, imagesFor, signal, targetsAtOnce);
    warnOfLeftOut(surveyed, emit);
    refuseConflicts(surveyed, options);
    await askForObjections(surveyed, options);
    const { evidence } = options;
    evidence?.found(resolved.images.map(({ image }) => image));
    const onImage = (target: string, image: ImportedImage): void =>
      evidence?.image(urls.get(target) ?? target, image);
    const failures: PackferryError[] = [];
    const delivered = await deliverToTargets(surveyed, source, failures, { ...options, onImage });
    for (const { name, error } of delivered)
      if (error !== undefined) evidence?.lost(urls.get(name) ?? name, error);
    return { targets: delivered, errors: [...unresolved(resolved), ...failures] };
  } finally {
    await closeTargets(targets);
    await source?.close();
  }
}

async function openTarget({ engine }: SurveyedHost, options: SyncOptions): Promise<ImageTarget> {
  const { loadIdle, stage, signal } = options;
  const staged = stage === undefined ? undefined : await engine.stage?.(stage, { loadIdle, signal });
  if (staged !== undefined) return staged;
  const patience = loadIdle === undefined ? {} : { loadIdle };
  return openDockerTarget(await engine.connect(signal), { ...patience, signal });
}
