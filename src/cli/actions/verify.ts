import { formatSize } from '../../core/size.ts';
import { openBundle } from '../../bundle/open.ts';
import { verifyReportOf } from '../../flows/verify.ts';
import type { VerifyReport } from '../../schema/reports.ts';
import { trustedKeys } from '../keys.ts';
import { withReceipt, type ReceiptOptions } from '../receipts.ts';
import type { Action, CommonOptions } from '../session.ts';
import { siteName } from '../site.ts';
import { audienceLines } from '../text/audience.ts';
import { count } from '../text/plural.ts';
import { carriedImporter } from '../text/importer.ts';
import { visible } from '../text/visible.ts';

export interface VerifyOptions extends CommonOptions, ReceiptOptions {
  readonly trustedKeys?: string;
  readonly revokedKeys?: readonly string[];
  readonly site?: string;
}

/** `verify BUNDLE` */
export const verify: Action<VerifyOptions> = async (session, [dir = ''], options) =>
  withReceipt(session, { action: 'verify', dir, options }, async (evidence) => {
    const { context, emit, signal } = session;
    const allowed = await trustedKeys(context, options);
    evidence.trusts(allowed);
    const site = await siteName(context, options.site);
    evidence.isAt(site);
    const { observe } = evidence;
    const { now } = context;
    const report = verifyReportOf(await openBundle(dir, { allowed, now, emit, signal, site, observe }));
    return { report, text: '', summary: summaryOf(report) };
  });

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
  ]
    .map(visible)
    .join('\n');
}
