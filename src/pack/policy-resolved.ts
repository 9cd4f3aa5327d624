import type { LockedImage } from '../core/image.ts';
import { isZstdLayerType } from '../core/media-types.ts';
import type { BundleFinding } from '../schema/bundle.ts';
import type { ImageUse } from '../schema/parts.ts';
import { findingOf, severityOf, type Policy, type Verdict } from './policy.ts';

/** An image whose documents have been read, with the places that need it. */
export interface ReadImage {
  readonly image: LockedImage;
  readonly usedBy: readonly ImageUse[];
  /** What an independent list of digests said of it; absent where none was asked. */
  readonly witness?: 'agrees' | 'absent';
}

/** What one rule says of one image; undefined when it has nothing to say. */
type Rule = (read: ReadImage, policy: Policy) => Verdict | undefined;

/** What can only be told once an image has been resolved. */
const rules: readonly { readonly rule: string; readonly sdkRule?: string; readonly judge: Rule }[] = [
  { rule: 'deprecated', sdkRule: 'DO105', judge: deprecation },
  { rule: 'zstd', judge: zstd },
  { rule: 'witness', judge: witness },
];

/**
 * What there is to say against these images after their documents have been read, in their order. Nothing is said that
 * stands among the `known` findings already.
 */
export function judgeResolved(
  images: readonly ReadImage[],
  policy: Policy,
  known: readonly BundleFinding[],
): BundleFinding[] {
  const said = new Set(known.map(({ rule, reference }) => `${rule} ${reference}`));
  return images.flatMap((read) =>
    rules.flatMap(({ judge, ...rule }) => {
      const { image, usedBy } = read;
      const verdict = judge(read, policy);
      if (verdict === undefined || said.has(`${rule.rule} ${image.reference}`)) return [];
      return findingOf(rule, image.reference, usedBy, verdict);
    }),
  );
}

/** The image itself knows better than a list that somebody fetched some time ago; it does not know since when. */
function deprecation({ image: { deprecated } }: ReadImage, policy: Policy): Verdict | undefined {
  if (deprecated === undefined || policy.deprecated === 'ignore') return undefined;
  const reason = deprecated === '' ? '' : `: ${deprecated}`;
  return {
    message: `deprecated, as the image itself says${reason}`,
    severity: severityOf(policy.deprecated),
  };
}

/** Layers in zstd are carried as they are; the classic store of Docker learned to unpack them with version 23. */
function zstd({ image: { layers } }: ReadImage, policy: Policy): Verdict | undefined {
  const number = layers.filter(({ mediaType }) => isZstdLayerType(mediaType)).length;
  if (number === 0 || policy.zstd === 'ignore') return undefined;
  const message = `${number} of ${layers.length} layers are compressed with zstd, which Docker before 23 cannot load`;
  return { message, severity: severityOf(policy.zstd) };
}

/** That it knows other digests is no matter of policy: nothing goes on then. */
function witness({ witness: said }: ReadImage, policy: Policy): Verdict | undefined {
  if (said === 'agrees' || policy.witness === 'ignore') return undefined;
  const message =
    said === undefined ? 'compared with no independent list of digests' : 'not known to the witness';
  return { message, severity: severityOf(policy.witness) };
}
