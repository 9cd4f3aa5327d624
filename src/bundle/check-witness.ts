import { PackferryError } from '../core/errors.ts';
import type { Emit } from '../core/events.ts';
import { someOf } from '../core/some-of.ts';
import { testimonyOn } from '../pack/witness.ts';
import type { BundleDocument } from '../schema/bundle.ts';
import { defaultPolicy, type TrustPolicy } from '../trust/read-policy.ts';
import { throwAll } from './faults.ts';

/** What the site's own witness said of the images of a bundle, by name; none disagrees. */
export type Witnessed = ReadonlyMap<string, 'agrees' | 'absent'>;

export interface WitnessOptions {
  /** A folder with a copy of demisto/dockerfiles-info that did not come from the builder; undefined: none. */
  readonly witness?: string | undefined;
  readonly policy?: Pick<TrustPolicy, 'name' | 'witness'>;
  readonly emit: Emit;
  readonly signal?: AbortSignal;
}

/**
 * Compares the images of a bundle with a list of digests that reached the site on another way: what a builder that was
 * taken over says is worth nothing, and what it has signed neither. An image of which the list knows other digests is
 * refused (`E_DIGEST_MISMATCH`), and where the policy says so, one that it does not know (`E_NOT_CHECKED`). All are told.
 */
export async function checkWitness(
  { name, sequence, images }: Pick<BundleDocument, 'name' | 'sequence' | 'images'>,
  { witness, policy = defaultPolicy, emit, signal }: WitnessOptions,
): Promise<Witnessed | undefined> {
  const bundle = `the bundle ${name} ${sequence}`;
  if (witness === undefined) {
    if (policy.witness !== 'require') return undefined;
    const message = `${policy.name ?? 'the policy'} asks for a witness, and ${bundle} was compared with none`;
    throw new PackferryError('E_NOT_CHECKED', message, {
      hint: 'Name a copy of demisto/dockerfiles-info that reached this site on another way than the bundle: --witness FOLDER.',
    });
  }
  const witnessed = new Map<string, 'agrees' | 'absent'>();
  const disputes: PackferryError[] = [];
  for (const image of images) {
    signal?.throwIfAborted();
    const { reference } = image;
    const { said, differences } = await testimonyOn(image, witness, signal);
    if (said !== 'disagrees') {
      witnessed.set(reference, said);
      continue;
    }
    const facts = differences.map((one) => `${one.what} ${one.said}, but the bundle carries ${one.found}`);
    disputes.push(
      new PackferryError('E_DIGEST_MISMATCH', `${reference}: the witness says ${facts.join('; ')}`, {
        hint: 'Import nothing of this builder before you know why: it may have been taken over. Ask the vendor which digest is right.',
      }),
    );
  }
  const header = `the witness knows other digests for ${disputes.length} images of ${bundle}`;
  throwAll(disputes, { header });
  const absent = [...witnessed].flatMap(([reference, said]) => (said === 'absent' ? [reference] : []));
  if (absent.length === 0 || policy.witness === 'ignore') return witnessed;
  const message = `the witness does not know ${absent.length} of ${images.length} images: ${someOf(absent)}`;
  if (policy.witness === 'require') {
    throw new PackferryError('E_NOT_CHECKED', `${bundle}: ${message}`, {
      hint: 'Bring a newer copy of demisto/dockerfiles-info, or let the builder leave these images out.',
    });
  }
  emit({ type: 'note', level: 'warning', message });
  return witnessed;
}
