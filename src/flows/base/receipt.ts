import { someOf } from '../../core/some-of.ts';
import { receiptSchema } from '../../schema/receipt.ts';
import { baseInvalid, baseOfImages, type Base, type HeldImage } from './base.ts';

const other = 'Give the bundle itself, or what "packferry inventory -o" writes on the other side.';

/**
 * What a run has brought to its targets: only images that are there under the signed identity count, and only what each of the
 * targets has. Throws `E_BASE_INVALID` for receipts that say nothing of what is there.
 */
export function baseOfReceipt(given: string, value: unknown): Base {
  const parsed = receiptSchema.safeParse(value);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const place = issue?.path.map(String).join('.') ?? '';
    throw baseInvalid(given, `it is no whole receipt: ${place}: ${issue?.message ?? ''}`, other);
  }
  const { number, action, host, bundle, images, targets, outcome } = parsed.data;
  if (action === 'verify' || action === 'serve') {
    const what = action === 'verify' ? 'a verification, which brings' : 'a server, which gives';
    throw baseInvalid(given, `it is the receipt of ${what} images to no target that is known`, other);
  }
  if (outcome.result === 'interrupted') {
    throw baseInvalid(given, `the ${action} was interrupted, so it does not tell of all targets`, other);
  }
  if (bundle === undefined)
    throw baseInvalid(given, `it is the receipt of a ${action} of images that nobody has signed`, other);
  const layersOf = new Map(images.map((image) => [image.reference, image.layers]));
  const holders = targets.map((target) =>
    target.images
      .filter(({ status }) => status === 'present' || status === 'loaded')
      .map(({ reference, deliveredAs = reference }): HeldImage => {
        const layers = layersOf.get(reference);
        if (layers === undefined)
          throw baseInvalid(given, 'it is of an older packferry and tells no layers', other);
        return { reference: deliveredAs, layers };
      }),
  );
  if (holders.every((held) => held.length === 0)) {
    throw baseInvalid(given, `the ${action} has brought no image to any target`, other);
  }
  const empty = targets.flatMap((target, at) => (holders[at]?.length === 0 ? [target.name] : []));
  if (empty.length > 0) {
    throw baseInvalid(given, `${someOf(empty)} got no image, so nothing is on all targets`, other);
  }
  const { name = 'unknown', sequence = '' } = bundle;
  return baseOfImages(given, `receipt ${number} of bundle ${name} ${sequence} at ${host}`, holders);
}
