import type { Digest } from '../../core/digest.ts';
import { PackferryError } from '../../core/errors.ts';
import type { Emit } from '../../core/events.ts';
import { totalSize } from '../../core/image.ts';
import { formatSize } from '../../core/size.ts';
import type { BundleDocument, RequiredBlob } from '../../schema/bundle.ts';
import type { SurveyedImage } from '../deliver.ts';
import type { SurveyedTarget } from '../delivery.ts';
import { isToBeSent, type OnExisting } from '../on-existing.ts';
import type { LentLayers } from './lent-layers.ts';

export interface BaseCheckOptions {
  readonly document: Pick<BundleDocument, 'name' | 'sequence'>;
  readonly dryRun: boolean;
  readonly keepGoing: boolean;
  /** Default: `error`. */
  readonly onExisting?: OnExisting;
  readonly emit: Emit;
}

/**
 * Compares what a bundle leaves out with what each target says that it has, and has the rest read and hashed by bundles that
 * lend it, before anything is sent. What neither has is thrown, for all targets and images at once (`E_BASE_MISSING`); with
 * `keepGoing` and in a dry run these images are refused, and the others go on.
 */
export async function checkBases(
  targets: readonly SurveyedTarget[],
  lent: LentLayers,
  options: BaseCheckOptions,
): Promise<readonly SurveyedTarget[]> {
  const { onExisting = 'error', emit } = options;
  const lackingOf = ({ target, error }: SurveyedTarget, surveyed: SurveyedImage): readonly RequiredBlob[] => {
    if (error !== undefined || !isToBeSent(target, surveyed, onExisting)) return [];
    const { image, presence } = surveyed;
    const held = presence.state === 'present' ? undefined : presence.held;
    return lent.requiredOf(image).filter(({ digest }) => held?.has(digest) !== true);
  };
  const wanted = targets.flatMap((one) => one.images.flatMap((surveyed) => lackingOf(one, surveyed)));
  const missing = await lent.prepare(onceEach(wanted), emit);
  if (missing.size === 0) return targets;
  const checked = targets.map((one) => ({
    ...one,
    images: one.images.map((surveyed): SurveyedImage => {
      const layers = lackingOf(one, surveyed).filter(({ digest }) => missing.has(digest));
      if (layers.length === 0) return surveyed;
      return { ...surveyed, refusal: lacking(one.target.name, surveyed.image.reference, layers, lent) };
    }),
  }));
  if (options.dryRun || options.keepGoing) return checked;
  const refusals = checked.flatMap(({ images }) => images.flatMap(({ refusal }) => refusal ?? []));
  throw refused(refusals, onceEach(wanted), missing, options);
}

function lacking(
  target: string,
  reference: string,
  layers: readonly RequiredBlob[],
  lent: LentLayers,
): PackferryError {
  const faults = layers.flatMap(({ digest }) => lent.faultsOf(digest));
  const listed = layers.map((layer) => wordsFor(layer, lent)).join(', ');
  const message = `${reference}: ${target} lacks ${countOf(layers)} that the bundle leaves out: ${listed}`;
  return new PackferryError('E_BASE_MISSING', message, { hint: hintFor(layers), errors: faults });
}

function wordsFor({ digest, size, base }: RequiredBlob, lent: LentLayers): string {
  const whose = base === undefined ? '' : `, in ${base}`;
  const isDamaged = lent.faultsOf(digest).length > 0;
  return `${digest} (${formatSize(size)}${whose}${isDamaged ? '; what is given by --with is no good' : ''})`;
}

function refused(
  refusals: readonly PackferryError[],
  wanted: readonly RequiredBlob[],
  missing: ReadonlySet<Digest>,
  { document }: BaseCheckOptions,
): PackferryError {
  const [first] = refusals;
  if (first !== undefined && refusals.length === 1) return first.with(`nothing was sent: ${first.message}`);
  const layers = wanted.filter(({ digest }) => missing.has(digest));
  const message = `nothing was sent: ${refusals.length} images stand on ${countOf(layers)} that ${document.name} ${document.sequence} leaves out and the targets lack`;
  return new PackferryError('E_BASE_MISSING', message, { hint: hintFor(layers), errors: refusals });
}

function hintFor(layers: readonly RequiredBlob[]): string {
  const bases = [...new Set(layers.flatMap(({ base }) => base ?? []))];
  if (bases.length > 0 && bases.every((base) => base.startsWith('damaged bundle ')))
    return `This bundle repairs another one. Give the folder of that one, too (${bases.join(', ')}): --with DIR.`;
  const which = bases.length === 0 ? 'the bundle that it was made for' : bases.join(', ');
  return `First import what it stands on (${which}), or give the folder of a bundle that carries these layers: --with DIR.`;
}

function countOf(layers: readonly RequiredBlob[]): string {
  const { length } = layers;
  return `${length} ${length === 1 ? 'layer' : 'layers'}, ${formatSize(totalSize(layers))},`;
}

function onceEach(layers: readonly RequiredBlob[]): readonly RequiredBlob[] {
  return [...new Map(layers.map((layer) => [layer.digest, layer])).values()];
}
