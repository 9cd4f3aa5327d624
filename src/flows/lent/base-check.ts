import type { Digest } from '../../core/digest.ts';
import { PackferryError } from '../../core/errors.ts';
import type { Emit } from '../../core/events.ts';
import { totalSize } from '../../core/image.ts';
import { formatSize } from '../../core/size.ts';
import type { RequiredBlob } from '../../schema/bundle.ts';
import type { SurveyedImage } from '../deliver.ts';
import type { SurveyedTarget } from '../delivery.ts';
import { isToBeSent, type OnExisting } from '../on-existing.ts';
import type { LentLayers } from './lent-layers.ts';

export interface BaseCheckOptions {
  readonly dryRun: boolean;
  readonly keepGoing: boolean;
  /** Default: `error`. */
  readonly onExisting?: OnExisting;
  readonly emit: Emit;
}

/**
 * Compares what bundles leave out with what each target says that it has, and has the rest read and hashed by bundles that
 * lend it, before anything is sent. What nobody has is thrown, for all targets and images at once (`E_BASE_MISSING`); with
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
  const unlent = await lent.prepare(onceEach(wanted), emit);
  if (unlent.size === 0) return targets;
  const missing = new Map<Digest, RequiredBlob>();
  const check = async (one: SurveyedTarget, surveyed: SurveyedImage): Promise<SurveyedImage> => {
    const layers: RequiredBlob[] = [];
    for (const layer of lackingOf(one, surveyed)) {
      if (!unlent.has(layer.digest) || (await lent.isElsewhere(surveyed.image, layer))) continue;
      layers.push(layer);
      missing.set(layer.digest, layer);
    }
    if (layers.length === 0) return surveyed;
    return { ...surveyed, refusal: lacking(one.target.name, surveyed.image.reference, layers, lent) };
  };
  const checked: SurveyedTarget[] = [];
  for (const one of targets) {
    const images = await Promise.all(one.images.map((surveyed) => check(one, surveyed)));
    checked.push({ ...one, images });
  }
  const refusals = checked.flatMap(({ images }) => images.flatMap(({ refusal }) => refusal ?? []));
  if (refusals.length === 0 || options.dryRun || options.keepGoing) return checked;
  throw refused(refusals, [...missing.values()], lent);
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
  layers: readonly RequiredBlob[],
  { names }: LentLayers,
): PackferryError {
  const [first] = refusals;
  if (first !== undefined && refusals.length === 1) return first.with(`nothing was sent: ${first.message}`);
  const who = `${names.join(' and ')} ${names.length === 1 ? 'leaves' : 'leave'} out`;
  const message = `nothing was sent: ${refusals.length} images stand on ${countOf(layers)} that ${who} and the targets lack`;
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
