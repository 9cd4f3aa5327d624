import { damageSchema } from '../../schema/damage.ts';
import { baseInvalid, baseOfBlobs, type Base } from './base.ts';

/**
 * What is intact of a damaged bundle, as its damage file says. What is written without it is imported together with that
 * bundle, so it does not matter on which layers a layer lies. Throws `E_BASE_INVALID` when the file does not say enough.
 */
export function baseOfDamage(given: string, value: unknown): Base {
  const parsed = damageSchema.safeParse(value);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const place = issue?.path.map(String).join('.') ?? '';
    const hint = 'Give the file that "packferry verify --damage" wrote, as it is.';
    throw baseInvalid(given, `it is no whole damage file: ${place}: ${issue?.message ?? ''}`, hint);
  }
  const { bundle, blobsKnown, intactLayers } = parsed.data;
  if (!blobsKnown) {
    const hint =
      'Carry bundle.json over once more, then run "packferry verify --damage" again; or export all of it.';
    throw baseInvalid(given, 'bundle.json was lost, so nobody knows what is intact', hint);
  }
  if (intactLayers === undefined) {
    const hint = 'Run "packferry verify --damage" there again, with this version.';
    throw baseInvalid(given, 'it is of an older packferry and does not tell what is intact', hint);
  }
  const { name = 'unknown', sequence = '' } = bundle;
  return baseOfBlobs(given, `damaged bundle ${name} ${sequence}`, intactLayers);
}
