import { damageIn, type PackferryError } from '../core/errors.ts';
import { jsonText } from '../core/json-text.ts';
import { damageReport, reportFailure } from '../flows/report.ts';
import { reportVersion } from '../schema/versions.ts';
import type { FailureReport } from '../schema/reports.ts';

/** What `--json` prints of a command that failed. */
export function failureText(error: PackferryError): string {
  const damage = damageIn(error);
  const report: FailureReport = {
    schemaVersion: reportVersion,
    error: reportFailure(error),
    ...(damage === undefined ? {} : { damage: damageReport(damage) }),
  };
  return `${jsonText(report, 2)}\n`;
}
