import { InvalidArgumentError, Option, type Command } from 'commander';
import { parseSize } from '../core/size.ts';
import type { Pace } from '../flows/pace.ts';
import { parseJobs, parseSpan } from './options.ts';

/** Options on how many targets are brought images, and how fast. */
export interface PaceOptions {
  readonly targetsAtOnce: number;
  /** In seconds. */
  readonly targetTimeout: number;
  /** Bytes per second, as `limitRatePerTarget`. */
  readonly limitRate?: number;
  readonly limitRatePerTarget?: number;
}

/** Adds these options. */
export function addPaceOptions(command: Command): Command {
  const group = 'Targets:';
  const add = (option: Option): Command => command.addOption(option.helpGroup(group));
  add(
    new Option('--targets-at-once <n>', 'targets that are brought images at the same time')
      .argParser(parseJobs)
      .default(8)
      .env('PACKFERRY_TARGETS_AT_ONCE'),
  );
  add(
    new Option(
      '--limit-rate <rate>',
      'bytes per second that are sent to all targets together, at most, as 50MiB',
    )
      .argParser(parseRate)
      .env('PACKFERRY_LIMIT_RATE'),
  );
  add(
    new Option('--limit-rate-per-target <rate>', 'the same for each target')
      .argParser(parseRate)
      .env('PACKFERRY_LIMIT_RATE_PER_TARGET'),
  );
  return add(
    new Option(
      '--target-timeout <duration>',
      'how long an engine may neither take nor say anything while it loads an image, then it is given up',
    )
      .argParser(parseSpan)
      .default(600, '10m')
      .env('PACKFERRY_TARGET_TIMEOUT'),
  );
}

/** What the options say of the pace. `retries` where the command has the option. */
export function paceOf(options: PaceOptions & { readonly retries?: number }): Pace {
  const { targetsAtOnce, retries, limitRate, limitRatePerTarget } = options;
  return {
    targetsAtOnce,
    ...(retries === undefined ? {} : { retries }),
    ...(limitRate === undefined ? {} : { limitRate }),
    ...(limitRatePerTarget === undefined ? {} : { limitRatePerTarget }),
  };
}

/** Slower than this nothing of use arrives. */
const leastRate = 1024;

function parseRate(text: string): number {
  const hint = 'Write it as bytes per second, from 1KiB on, for instance 500KiB or 50MiB.';
  try {
    const rate = parseSize(text.replace(/\/s$/, ''));
    if (rate >= leastRate) return rate;
  } catch {
    // The option tells what is wanted.
  }
  throw new InvalidArgumentError(hint);
}
