import { lockFileName } from '../../core/names.ts';
import { jobsOption, witnessOption } from '../options.ts';
import { sourceKeysOption } from '../judgement-options.ts';
import type { AddCommand } from './command.ts';

/** Adds the command to the program. */
export const addLock: AddCommand = (program, bind) =>
  program
    .command('lock')
    .summary('resolve every reference to digests')
    .description(
      `Resolves every image that a manifest needs to its digests and writes them to ${lockFileName}.`,
    )
    .argument('<manifest-or-pack...>', 'one export manifest, or content pack folders')
    .option('--lock <file>', `the lock file (default: ${lockFileName} beside the manifest)`)
    .option('--check', 'write nothing; fail if the lock would change')
    .addOption(witnessOption())
    .addOption(sourceKeysOption())
    .addOption(jobsOption('images that are asked for', 8))
    .action(bind(async () => (await import('../actions/lock.ts')).lock));
