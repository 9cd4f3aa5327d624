import { formatSize } from '../../core/size.ts';
import { openBundle } from '../../bundle/open.ts';
import { verifyReportOf } from '../../flows/verify.ts';
import type { VerifyReport } from '../../schema/reports.ts';
import { trustedKeys } from '../keys.ts';
import type { Action, CommonOptions } from '../session.ts';
import { sitePolicy } from '../site-policy.ts';
import { siteName } from '../site.ts';
import { audienceLines } from '../text/audience.ts';
import { count } from '../text/plural.ts';
import { carriedImporter } from '../text/importer.ts';
import { visible } from '../text/visible.ts';

export interface VerifyOptions extends CommonOptions {
  readonly trustedKeys?: string;
  readonly revokedKeys?: readonly string[];
  readonly policy?: string;
  readonly site?: string;
  readonly state?: string;
}

/** `verify BUNDLE` */
export const verify: Action<VerifyOptions> = async (session, [dir = ''], options) => {
  const { context, emit, signal } = session;
  const allowed = await trustedKeys(context, options, emit);
  const policy = await sitePolicy(session, options);
  const site = await siteName(context, options.site);
  const { now } = context;
  const report = verifyReportOf(await openBundle(dir, { allowed, policy, now, emit, signal, site }));
  return { report, text: '', summary: summaryOf(report) };
};

function summaryOf({
  dir,
  name,
  sequence,
  createdAt,
  audience,
  signers,
  archives,
  importers,
  images,
}: VerifyReport): string {
  const size = formatSize(archives.reduce((sum, { bytes }) => sum + bytes, 0));
  const who = signers
    .map(({ principal, fingerprint }) => `${visible(principal)} (${fingerprint})`)
    .join(', ');
  return [
    `${dir} is good: ${name} ${sequence} of ${createdAt}, ${count(images, 'image')} in ${count(archives.length, 'archive')}, ${size}.`,
    `Signed by ${who}.`,
    ...importers.map(carriedImporter),
    ...audienceLines(audience),
  ].join('\n');
}
