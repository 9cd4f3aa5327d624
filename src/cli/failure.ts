import type { PackferryError } from '../core/errors.ts';
import { reportError } from '../flows/report.ts';
import { reportVersion } from '../schema/versions.ts';
import type { FailureReport } from '../schema/reports.ts';

/** What `--json` prints of a command that failed. */
export function failureText(error: PackferryError): string {
  const errors = error.errors.map(reportError);
  const report: FailureReport = {
    schemaVersion: reportVersion,
    error: { ...reportError(error), ...(errors.length === 0 ? {} : { errors }) },
  };
  return `${JSON.stringify(report, null, 2)}\n`;
}
