import pLimit from 'p-limit';
import { messageOf, type PackferryError } from '../core/errors.ts';
import type { Emit } from '../core/events.ts';
import type { Objection } from '../core/ports.ts';
import type { SurveyedTarget } from './delivery.ts';
import { isToBeSent, type OnExisting } from './on-existing.ts';
import { usualTargetsAtOnce, type Pace } from './pace.ts';
import { together } from './together.ts';

export interface PreflightOptions extends Pick<Pace, 'targetsAtOnce'> {
  readonly dryRun: boolean;
  readonly keepGoing: boolean;
  /** Default: `error`. */
  readonly onExisting?: OnExisting;
  readonly emit: Emit;
}

/**
 * Asks targets what speaks against the delivery. Without `keepGoing` what cannot succeed is thrown, all together; else,
 * and in a dry run, it is a warning.
 */
export async function askForObjections(
  targets: readonly SurveyedTarget[],
  options: PreflightOptions,
): Promise<void> {
  const { dryRun, keepGoing, emit } = options;
  const errors: PackferryError[] = [];
  const warn = (message: string): void => emit({ type: 'note', level: 'warning', message });
  for (const objection of (await objectionsOf(targets, options)).flat()) {
    if ('warning' in objection) warn(objection.warning);
    else if (dryRun || keepGoing) warn(objection.error.message);
    else errors.push(objection.error);
  }
  const [first] = errors;
  if (first !== undefined) {
    const message = `nothing was sent: ${first.message}`;
    throw errors.length === 1 ? first.with(message) : together(errors, message);
  }
}

/** What every target says. One of several that is lost meanwhile says so again when it is brought something. */
function objectionsOf(
  targets: readonly SurveyedTarget[],
  { targetsAtOnce = usualTargetsAtOnce, onExisting = 'error' }: PreflightOptions,
): Promise<(readonly Objection[])[]> {
  const limit = pLimit(targetsAtOnce);
  const ask = async ({ target, images, error }: SurveyedTarget): Promise<readonly Objection[]> => {
    if (error !== undefined) return [];
    const missing = images
      .filter((one) => one.refusal === undefined && isToBeSent(target, one, onExisting))
      .map(({ image }) => image);
    try {
      return (await target.preflight?.(missing)) ?? [];
    } catch (fault) {
      if (targets.length === 1) throw fault;
      return [{ warning: messageOf(fault) }];
    }
  };
  return Promise.all(targets.map((one) => limit(ask, one)));
}
