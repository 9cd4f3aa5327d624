import { defaultPolicy, readPolicy, type TrustPolicy } from '../trust/read-policy.ts';
import { guardedFirstOf, placesOf, tellPassedOver, warnWhenLoose } from './configured.ts';
import type { Session } from './session.ts';

export interface PolicyOptions {
  /** A policy.json. */
  readonly policy?: string;
}

const hint = 'Make it readable, or name the policy: --policy FILE.';

/**
 * What this site asks of bundles: the policy that was named, else the machine's, else the user's, else one trusted
 * signature. That one which was named takes the place of another is told.
 */
export async function sitePolicy(
  { context, emit }: Pick<Session, 'context' | 'emit'>,
  { policy: named }: PolicyOptions,
): Promise<TrustPolicy> {
  const places = placesOf('policy.json', context);
  if (named === undefined) {
    const place = await guardedFirstOf(places, context, hint);
    return place === undefined ? defaultPolicy : readPolicy(place);
  }
  await warnWhenLoose(named, emit);
  await tellPassedOver('the policy', named, places, emit);
  return readPolicy(named);
}
