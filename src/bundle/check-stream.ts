import { PackferryError } from '../core/errors.ts';
import { matchesPart } from '../core/glob.ts';
import type { BundleDocument } from '../schema/bundle.ts';
import type { TrustPolicy } from '../trust/read-policy.ts';

/** Refuses bundles of streams that the policy does not name: `E_WRONG_STREAM`. */
export function checkStream(
  { name, sequence }: Pick<BundleDocument, 'name' | 'sequence'>,
  policy: Pick<TrustPolicy, 'name' | 'streams'> | undefined,
): void {
  const { streams } = policy ?? {};
  if (streams === undefined || streams.some((pattern) => matchesPart(pattern, name))) return;
  const message = `the bundle ${name} ${sequence} is of a stream that ${policy?.name ?? 'the policy'} does not take: ${streams.join(', ')}`;
  throw new PackferryError('E_WRONG_STREAM', message, {
    hint: 'Bring a bundle of such a stream, or let whoever is in charge of the policy add this one under "streams".',
  });
}
