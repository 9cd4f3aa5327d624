import type { LendingBundle } from '../bundle/lending-bundle.ts';
import type { SignedBundle } from '../bundle/signed-bundle.ts';
import { PackferryError } from '../core/errors.ts';
import type { Emit } from '../core/events.ts';
import { globFault, isGlob } from '../core/glob.ts';
import type { LockedImage } from '../core/image.ts';
import type { Platform } from '../core/platform.ts';
import type { ImageSource, ImageTarget } from '../core/ports.ts';
import { lockedNameOf, parseReference, type ImageReference } from '../core/reference.ts';
import { someOf } from '../core/some-of.ts';
import { reportVersion, type CopyReport, type ImportedImage } from '../schema/reports.ts';
import { alreadyThere } from './already-there.ts';
import { Chain, tellingOnce, type ChainLink } from './chain.ts';
import { deliverToTargets, refuseConflicts, surveyTargets, warnOfLeftOut } from './delivery.ts';
import { matchesImage } from './exclude.ts';
import { checkBases } from './lent/base-check.ts';
import { LentLayers } from './lent/lent-layers.ts';
import type { OnExisting } from './on-existing.ts';
import type { Pace } from './pace.ts';
import { askForObjections } from './preflight.ts';
import { resolveAll, throwUnresolved, unresolved } from './resolve.ts';
import { renameImages, type RetagRule } from './retag.ts';
import { tellOfBases } from './retagged-bases.ts';
import type { SourceEndpoint } from './source-endpoint.ts';
import type { Sources } from './sources.ts';
import { isEngine, takeStraight, withoutSaving } from './straight-through.ts';

export interface CopyOptions extends Pace {
  /** References, or patterns of what the sources list. */
  readonly names: readonly string[];
  /** Asked in this order; the first that has an image gives it. */
  readonly from: readonly SourceEndpoint[];
  readonly sources: Sources;
  /** Asked when all images are resolved. Default: no source is a bundle. */
  readonly bundles?: () => CopiedBundles;
  readonly platform: Platform;
  readonly targets: readonly ImageTarget[];
  readonly retag: readonly RetagRule[];
  readonly onExisting: OnExisting;
  readonly dryRun: boolean;
  /** Goes on with the other images when some cannot be had or brought. */
  readonly keepGoing: boolean;
  /** Images that are brought to one target at the same time. */
  readonly jobs: number;
  /** Told how each image fared at each target, and by which source, as soon as that is known, for evidence. */
  readonly onBrought?: (target: string, image: ImportedImage, source: SourceEndpoint | undefined) => void;
  /** Called before the first byte is brought anywhere, with what was found; not in a dry run. */
  readonly begin: (found: readonly LockedImage[]) => Promise<void>;
  readonly emit: Emit;
  readonly signal: AbortSignal;
}

/** The bundles that images are copied from. */
export interface CopiedBundles {
  /** Those that were opened by now, by their absolute folders. */
  readonly opened: ReadonlyMap<string, SignedBundle>;
  /** Bundles that may lend what these leave out; undefined when none was given. */
  readonly with: readonly LendingBundle[] | undefined;
}

export interface Copied {
  readonly report: CopyReport;
  /** Every failure: of images that cannot be had, then in the order of targets and images. */
  readonly errors: readonly PackferryError[];
}

/**
 * Brings images from the first source that has them to targets. Every digest is resolved before anything is brought, and
 * every byte is compared with it on the way. Without `keepGoing` nothing is brought when an image cannot be had, a name
 * stands for another image, nobody has layers that a bundle leaves out (`E_BASE_MISSING`; see `checkBases`), or a target cannot
 * take what is missing there (`E_TARGET_FULL`, `E_ENGINE_TOO_OLD`).
 */
export async function copyImages(options: CopyOptions): Promise<Copied> {
  const { from, sources, platform, emit, signal, jobs, dryRun, keepGoing } = options;
  const linksBy = (change: (source: ImageSource) => ImageSource): ChainLink[] =>
    from.map((endpoint) => ({ endpoint, open: async () => change(await sources.open(endpoint)) }));
  const unsaved = linksBy(withoutSaving);
  const isStraight = takeStraight(options.targets, options.targetsAtOnce);
  const chain = new Chain(isStraight ? unsaved : linksBy(asItIs), tellingOnce(emit));
  checkNames(options.names);
  await greetOnly(options);
  const references = await namedImages(options);
  const there = isStraight
    ? new Map<string, LockedImage>()
    : await settledImages(references, unsaved, options);
  const source: ImageSource = {
    ...sourceBy(chain, from),
    resolve: async (reference, wanted, stop) =>
      there.get(lockedNameOf(reference)) ?? chain.resolve(reference, wanted, { signal: stop }),
  };
  const wanted = references.map((reference) => ({ reference, usedBy: [] }));
  const resolved = await resolveAll(wanted, { source, platform, jobs: jobs * 2, emit, signal });
  if (!keepGoing && !dryRun) throwUnresolved(resolved);
  const found = resolved.images.map(({ image }) => image);
  const { images, before, sourceOf } = renameImages(found, options.retag);
  const renamed = sourceOf(source);
  const lent = layersOf(options, renamed);
  const surveyed = await surveyTargets(options.targets, images, signal, options.targetsAtOnce);
  warnOfLeftOut(surveyed, emit);
  refuseConflicts(surveyed, options);
  const checked = await checkBases(surveyed, lent.layers, options);
  await askForObjections(checked, options);
  if (!dryRun) await options.begin(found);
  const errors = unresolved(resolved);
  const failures: PackferryError[] = [];
  const sourceNames = new Map(found.map(({ reference, source: name }) => [reference, name]));
  const onImage = (target: string, image: ImportedImage): void => {
    const name = sourceNames.get(image.reference);
    const endpoint = from.find(({ url }) => url === name);
    options.onBrought?.(target, image, endpoint);
  };
  const delivery = { ...options, namesBefore: before, onImage };
  const targets = await deliverToTargets(checked, lent.layers.over(renamed), failures, delivery);
  const report: CopyReport = {
    schemaVersion: reportVersion,
    dryRun,
    images: found.map(reported),
    targets,
    ...(lent.with === undefined ? {} : { lent: lent.with.map((lender) => lender.report) }),
  };
  return { report, errors: [...errors, ...failures] };
}

/** What the bundles among the sources leave out, of which the targets are told. The other sources may have it, too. */
function layersOf(
  { bundles, from, targets, retag, signal }: CopyOptions,
  alsoFrom: ImageSource,
): Pick<CopiedBundles, 'with'> & { readonly layers: LentLayers } {
  const { opened, with: lenders } = bundles?.() ?? {
    opened: new Map<string, SignedBundle>(),
    with: undefined,
  };
  for (const bundle of opened.values()) for (const target of targets) tellOfBases(target, bundle, { retag });
  const folders = new Map(
    from.flatMap(({ scheme, url, rest }) => (scheme === 'bundle' ? [[url, rest]] : [])),
  );
  const layers = new LentLayers([...opened.values()], {
    with: lenders ?? [],
    bundleOf: ({ source }) => opened.get(folders.get(source) ?? ''),
    alsoFrom,
    signal,
  });
  return { with: lenders, layers };
}

function asItIs(source: ImageSource): ImageSource {
  return source;
}

/** What of the images of engines need not be saved since all of several engines have it. */
async function settledImages(
  references: readonly ImageReference[],
  unsaved: readonly ChainLink[],
  options: CopyOptions,
): Promise<ReadonlyMap<string, LockedImage>> {
  const { targets, from, sources } = options;
  const areEngines = from.every(isEngine) && targets.every(({ takesSaves }) => takesSaves === true);
  if (!areEngines) return new Map();
  const opened = await Promise.allSettled(from.map((endpoint) => sources.open(endpoint)));
  if (!opened.every((one) => one.status === 'fulfilled' && one.value.unpacked !== undefined))
    return new Map();
  const source = sourceBy(new Chain(unsaved, () => undefined), from);
  return alreadyThere(references, { ...options, source });
}

function sourceBy(chain: Chain, from: readonly SourceEndpoint[]): ImageSource {
  const resolve: ImageSource['resolve'] = (reference, wanted, signal) =>
    chain.resolve(reference, wanted, { signal });
  return {
    name: from.map(({ url }) => url).join(', '),
    resolve,
    openBlob: (image, blob, opening) => chain.openBlob(image, blob, opening),
    splits: (image) => chain.splits(image),
    unpacked: { resolve, openSave: (image, opening) => chain.openSave(image, opening) },
    close: () => Promise.resolve(),
  };
}

function reported({
  reference,
  manifest,
  config,
  source,
  isUnpacked,
}: LockedImage): CopyReport['images'][number] {
  if (isUnpacked !== true) return { reference, manifest, config, source };
  const { mediaType, digest } = config;
  return { reference, config: { mediaType, digest }, source };
}

/** What the names mean, each image once. Throws what is wrong with them, and patterns that fit nothing. */
async function namedImages({ names, from, sources }: CopyOptions): Promise<readonly ImageReference[]> {
  const references = new Map<string, ImageReference>();
  let listed: readonly ImageReference[] | undefined;
  for (const name of names) {
    if (isGlob(name)) {
      listed ??= await listAll(from, sources, name);
      for (const reference of fitting(name, listed)) references.set(lockedNameOf(reference), reference);
    } else {
      const reference = parseReference(name);
      references.set(lockedNameOf(reference), reference);
    }
  }
  return [...references.values()];
}

/**
 * A target that takes nothing from this account is known by the first name, before time is spent on sources. Of several, the
 * others go on, and it is told in the end.
 */
async function greetOnly({ names, targets, retag, signal }: CopyOptions): Promise<void> {
  const [only, ...others] = targets;
  const name = names.find((each) => !isGlob(each));
  if (only === undefined || others.length > 0 || retag.length > 0 || name === undefined) return;
  await only.greet?.(parseReference(name), signal);
}

/** Throws what is wrong with references and patterns. */
function checkNames(names: readonly string[]): void {
  for (const name of names) checkName(name);
}

/** Throws what is wrong with a reference or a pattern. */
function checkName(name: string): void {
  if (!isGlob(name)) parseReference(name);
  const fault = isGlob(name) ? globFault(name) : undefined;
  if (fault === undefined) return;
  throw new PackferryError('E_USAGE', `${JSON.stringify(name)}: ${fault}`, {
    hint: "Patterns are such as 'demisto/*' or 'demisto/python3:3.12*'.",
  });
}

function fitting(pattern: string, listed: readonly ImageReference[]): readonly ImageReference[] {
  const images = listed.filter((reference) => matchesImage(pattern, reference));
  if (images.length > 0) return images;
  const there = someOf(listed.map(lockedNameOf));
  throw new PackferryError('E_IMAGE_NOT_FOUND', `no image of the sources fits ${JSON.stringify(pattern)}`, {
    hint: listed.length === 0 ? 'No image there has a name.' : `They have ${there}.`,
  });
}

async function listAll(
  from: readonly SourceEndpoint[],
  sources: Sources,
  pattern: string,
): Promise<readonly ImageReference[]> {
  const listed: ImageReference[] = [];
  let isListing = false;
  for (const endpoint of from) {
    const source = await sources.open(endpoint);
    const images = await source.listImages?.();
    isListing ||= images !== undefined;
    listed.push(...(images ?? []));
  }
  if (isListing) return listed;
  throw new PackferryError(
    'E_USAGE',
    `${JSON.stringify(pattern)} names many images, and no source says what it has`,
    {
      hint: 'Engines, bundles, oci: folders and docker-archive: files do. From registries, name the images.',
    },
  );
}
