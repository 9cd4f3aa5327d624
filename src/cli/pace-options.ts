import { Option } from 'commander';
import { parseJobs } from './options.ts';

/** Options on how many targets are brought images, and how fast. */
export interface PaceOptions {
  readonly targetsAtOnce: number;
}

/** `--targets-at-once N`. */
export function targetsAtOnceOption(): Option {
  return new Option('--targets-at-once <n>', 'targets that are brought images at the same time')
    .argParser(parseJobs)
    .default(8)
    .env('PACKFERRY_TARGETS_AT_ONCE');
}
