import { access, constants } from 'node:fs/promises';
import { asPackferryError, messageOf, PackferryError } from '../../core/errors.ts';
import type { DoctorCheck } from '../../schema/reports-doctor.ts';
import { firstOf, placesOf } from '../configured.ts';
import { trustedKeys, type TrustOptions } from '../keys.ts';
import type { Session } from '../session.ts';
import { siteName } from '../site.ts';
import { sitePolicy, type PolicyOptions } from '../site-policy.ts';
import { count } from '../text/plural.ts';

export interface TrustCheckOptions extends TrustOptions, PolicyOptions {
  readonly site?: string;
}

interface Finding {
  readonly check: DoctorCheck;
  readonly error?: PackferryError;
}

/** Whom this machine trusts, and what its policy and its name are: by the very functions that decide for an import. */
export async function trustChecks(session: Session, options: TrustCheckOptions): Promise<readonly Finding[]> {
  const { context, emit } = session;
  return [
    await looked('trusted-keys', async () => {
      const { name, signers, revoked = [] } = await trustedKeys(context, options, emit);
      const lists = revoked.length === 0 ? '' : `, ${count(revoked.length, 'list')} of revoked keys`;
      return `${count(signers.length, 'line')} of trusted keys in ${name}${lists}`;
    }),
    await looked('policy', async () => {
      const { name, threshold } = await sitePolicy(session, options);
      const asks =
        threshold === 1 ? 'one trusted signature' : `trusted signatures of ${threshold} principals`;
      return name === undefined ? `no policy: ${asks} will do` : `policy ${name}: ${asks}`;
    }),
    await looked('site', async () => {
      const site = await siteName(session, options.site);
      return site === undefined
        ? 'this site has no name: bundles for certain sites are refused'
        : `this site is ${site}`;
    }),
    await looked('site-key', async () => {
      const hint = 'Make it readable for whoever imports, or remove it.';
      const file = await firstOf(placesOf('site_key', context), 'E_KEY_UNREADABLE', hint);
      if (file === undefined) return 'no site key: receipts are not signed';
      await access(file, constants.R_OK).catch((cause: unknown) => {
        throw new PackferryError('E_KEY_UNREADABLE', `${file}: ${messageOf(cause)}`, { hint, cause });
      });
      return `receipts are signed by ${file}`;
    }),
  ];
}

async function looked(id: string, look: () => Promise<string>): Promise<Finding> {
  try {
    return { check: { id, state: 'ok', message: await look() } };
  } catch (fault) {
    const error = asPackferryError(fault);
    const { code, message, hint } = error;
    const hinted = hint === undefined ? {} : { hint };
    // Where bundles are made nobody has to be trusted.
    if (code === 'E_USAGE' && id === 'trusted-keys')
      return { check: { id, state: 'warn', message, ...hinted } };
    return { check: { id, state: 'fail', message, ...hinted, code }, error };
  }
}
