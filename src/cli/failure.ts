import type { PackferryError } from '../core/errors.ts';
import { jsonText } from '../core/json-text.ts';
import { reportFailure } from '../flows/report.ts';
import { reportVersion } from '../schema/versions.ts';
import type { FailureReport } from '../schema/reports.ts';

/** What `--json` prints of a command that failed. */
export function failureText(error: PackferryError): string {
  const report: FailureReport = { schemaVersion: reportVersion, error: reportFailure(error) };
  return `${jsonText(report, 2)}\n`;
}
