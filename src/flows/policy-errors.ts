import { PackferryError } from '../core/errors.ts';
import type { Emit } from '../core/events.ts';
import type { BundleFinding } from '../schema/bundle.ts';

/** A finding as people read it: the first place that needs the image, the image, what is the matter, the SDK's number. */
export function findingText({ reference, message, file, line, sdkRule }: BundleFinding): string {
  const place = file === undefined ? '' : `${file}${line === undefined ? '' : `:${line}`}: `;
  return `${place}${reference}: ${message}${sdkRule === undefined ? '' : ` (${sdkRule})`}`;
}

/** Tells what the policy only warns of; what it forbids ends the run as an error. */
export function warnOfFindings(findings: readonly BundleFinding[], emit: Emit): void {
  for (const finding of findings) {
    if (finding.severity === 'error') continue;
    emit({ type: 'note', level: 'warning', message: findingText(finding) });
  }
}

/** What the policy forbids, as one `E_POLICY`; none when there is nothing. */
export function policyErrors(findings: readonly BundleFinding[]): PackferryError[] {
  const errors = findings
    .filter(({ severity }) => severity === 'error')
    .map((finding) => {
      const hint = hints.get(finding.rule);
      return new PackferryError('E_POLICY', findingText(finding), hint === undefined ? {} : { hint });
    });
  if (errors.length < 2) return errors;
  return [new PackferryError('E_POLICY', `the policy forbids this: ${errors.length} findings`, { errors })];
}

/** Throws when the policy forbids an image: nothing is fetched or written then. */
export function throwForbidden(findings: readonly BundleFinding[]): void {
  const [error] = policyErrors(findings);
  if (error !== undefined) throw error;
}

const elsewhere = 'Leave the image out under exclude, or change';

/** By rule. Only rules that a policy can make an error of. */
const hints: ReadonlyMap<string, string> = new Map([
  ['latest', 'Name a version in the item, or change policy.latest in the manifest.'],
  ['third-party', `${elsewhere} policy.organizations or policy.thirdParty in the manifest.`],
  ['zstd', `${elsewhere} policy.zstd in the manifest. Docker 23 and later can load it, Podman too.`],
  [
    'witness',
    `Name a newer copy of dockerfiles-info with --witness. ${elsewhere} policy.witness in the manifest.`,
  ],
  ['deprecated', `${elsewhere} policy.deprecated in the manifest.`],
]);
