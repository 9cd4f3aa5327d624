import type { PackferryError } from '../core/errors.ts';
import { reportError } from '../flows/report.ts';
import { reportVersion } from '../schema/versions.ts';
import type { FailureReport } from '../schema/reports.ts';
import { jsonText } from './text/json.ts';

/** What `--json` prints of a command that failed. */
export function failureText(error: PackferryError): string {
  const errors = partsOf(error).map(reportError);
  const report: FailureReport = {
    schemaVersion: reportVersion,
    error: { ...reportError(error), ...(errors.length === 0 ? {} : { errors }) },
  };
  return `${jsonText(report, 2)}\n`;
}

/** Everything that an error sums up, each part before its own parts. */
function partsOf({ errors }: PackferryError): PackferryError[] {
  return errors.flatMap((part) => [part, ...partsOf(part)]);
}
