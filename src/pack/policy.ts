import { lockedNameOf, type ImageReference } from '../core/reference.ts';
import type { BundleFinding } from '../schema/bundle.ts';
import type { ImageUse } from '../schema/parts.ts';
import { deprecationOf, type DeprecatedImages } from './deprecated-images.ts';
import { isBelow } from './policy-organizations.ts';

/** What is done about images that break a rule. */
export interface Policy {
  /** Name prefixes of what is no third party. */
  readonly organizations: readonly string[];
  readonly thirdParty: 'warn' | 'error' | 'allow';
  /** Images without a version: the tag `latest`, or no tag. */
  readonly latest: 'resolve' | 'warn' | 'error';
  readonly deprecated: 'warn' | 'error' | 'ignore';
  /** Layers that old engines cannot unpack. */
  readonly zstd: 'warn' | 'error' | 'ignore';
  /** Images that an independent list of digests does not know. */
  readonly witness: 'warn' | 'error' | 'ignore';
}

/** An image with the places that need it. */
export interface JudgedImage {
  readonly reference: ImageReference;
  readonly usedBy: readonly ImageUse[];
}

/** What one rule says of one image; undefined when it has nothing to say. */
type Rule = (image: JudgedImage, policy: Policy, deprecated: DeprecatedImages) => Verdict | undefined;

export interface Verdict {
  readonly message: string;
  readonly severity: BundleFinding['severity'];
  /** The uses that are concerned, when these are not all. */
  readonly uses?: readonly ImageUse[];
}

/** By name, each with the number that the vendor's SDK has for the same complaint. */
const rules: readonly { readonly rule: string; readonly sdkRule: string; readonly judge: Rule }[] = [
  { rule: 'latest', sdkRule: 'DO100', judge: latest },
  { rule: 'third-party', sdkRule: 'DO101', judge: thirdParty },
  { rule: 'native', sdkRule: 'DO102', judge: native },
  { rule: 'no-image', sdkRule: 'DO104', judge: noImage },
  { rule: 'deprecated', sdkRule: 'DO105', judge: deprecation },
];

/** Everything that there is to say against these images, in their order. One finding per image and rule. */
export function judge(
  images: readonly JudgedImage[],
  policy: Policy,
  deprecated: DeprecatedImages,
): BundleFinding[] {
  return images.flatMap((image) =>
    rules.flatMap(({ judge: ask, ...rule }) => {
      const verdict = ask(image, policy, deprecated);
      return verdict === undefined
        ? []
        : findingOf(rule, lockedNameOf(image.reference), verdict.uses ?? image.usedBy, verdict);
    }),
  );
}

/** A finding on an image, at the first of its uses. */
export function findingOf(
  rule: Pick<BundleFinding, 'rule' | 'sdkRule'>,
  reference: string,
  uses: readonly ImageUse[],
  { message, severity }: Verdict,
): BundleFinding {
  const [first] = uses;
  return {
    ...{ ...rule, reference, severity },
    message: uses.length > 1 ? `${message} (${uses.length} uses)` : message,
    ...(first === undefined ? {} : { file: first.file, line: first.line }),
  };
}

function latest({ reference }: JudgedImage, policy: Policy): Verdict | undefined {
  if (policy.latest === 'resolve' || reference.tag !== 'latest' || reference.digest !== undefined) return;
  const isWritten = reference.written.endsWith(':latest');
  return {
    message: `${isWritten ? 'the tag "latest" stands' : 'no tag means "latest", which stands'} for another image every time`,
    severity: severityOf(policy.latest),
  };
}

function thirdParty({ reference }: JudgedImage, policy: Policy): Verdict | undefined {
  if (policy.thirdParty === 'allow' || isBelow(policy.organizations, reference)) return;
  return {
    message: 'comes from none of the allowed organisations',
    severity: severityOf(policy.thirdParty),
  };
}

/** Items name the image that they need; that a native one stands in for it, the server decides. */
function native({ reference, usedBy }: JudgedImage): Verdict | undefined {
  const uses = usedBy.filter(({ kind, key }) => kind !== 'manifest' && key === 'dockerimage');
  if (uses.length === 0 || !reference.repository.endsWith('/py3-native')) return;
  return { message: 'a native image, named as the image of an item', severity: 'warning', uses };
}

function noImage({ usedBy }: JudgedImage): Verdict | undefined {
  const uses = usedBy.filter(({ kind, key }) => kind !== 'manifest' && key === 'type');
  if (uses.length === 0) return;
  return {
    message: 'an item names no image: the default of the server is carried',
    severity: 'warning',
    uses,
  };
}

function deprecation(
  { reference }: JudgedImage,
  policy: Policy,
  deprecated: DeprecatedImages,
): Verdict | undefined {
  const found = deprecationOf(deprecated, reference);
  if (policy.deprecated === 'ignore' || found === undefined) return;
  const since = found.since === undefined ? '' : ` since ${found.since}`;
  const reason = found.reason === undefined ? '' : `: ${found.reason}`;
  return { message: `deprecated${since}${reason}`, severity: severityOf(policy.deprecated) };
}

export function severityOf(setting: 'warn' | 'error'): BundleFinding['severity'] {
  return setting === 'error' ? 'error' : 'warning';
}
