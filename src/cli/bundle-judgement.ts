import type { OpenBundleOptions } from '../bundle/open.ts';
import type { Evidence } from '../flows/receipt/evidence.ts';
import { siteWitness } from '../flows/witness.ts';
import type { TrustPolicy } from '../trust/read-policy.ts';
import { freshnessOf, type RollbackOptions, type SiteFreshness } from './freshness.ts';
import { trustedKeys } from './keys.ts';
import type { Session } from './session.ts';
import { sitePolicy } from './site-policy.ts';
import { siteName } from './site.ts';

/** By what this site judges bundles. */
export interface JudgementOptions extends RollbackOptions {
  /** The allowed_signers file. */
  readonly trustedKeys?: string;
  readonly revokedKeys?: readonly string[];
  readonly policy?: string;
  readonly site?: string;
  readonly deep?: boolean;
  readonly witness?: string;
}

/** What `openBundle` needs, and what `acceptBundle` and servers go by later. */
export interface Judgement extends OpenBundleOptions {
  readonly policy: TrustPolicy;
  readonly freshness: SiteFreshness;
}

/**
 * Everything by which this site judges bundles: what was given, else what it has. `evidence` hears of each part as soon as
 * that is known. Throws what cannot be read or is not safe, before a bundle is looked at.
 */
export async function judgementOf(
  session: Session,
  options: JudgementOptions,
  evidence: Evidence | readonly Evidence[] = [],
): Promise<Judgement> {
  const { context, emit, signal } = session;
  const allowed = await trustedKeys(context, options, emit);
  const policy = await sitePolicy(session, options);
  const all = [evidence].flat();
  for (const one of all) one.trusts(allowed, policy);
  const site = await siteName(session, options.site);
  for (const one of all) one.isAt(site);
  const freshness = await freshnessOf(session, options, policy);
  const { deep = false } = options;
  const witness = await siteWitness(options.witness);
  const [first] = all;
  const observing = first === undefined ? {} : { observe: first.observe };
  return { allowed, policy, site, freshness, deep, witness, now: context.now, emit, signal, ...observing };
}
