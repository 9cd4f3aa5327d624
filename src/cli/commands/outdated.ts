import { jobsOption } from '../options.ts';
import { sourceKeysOption } from '../judgement-options.ts';
import type { AddCommand } from './command.ts';

/** Adds the command to the program. */
export const addOutdated: AddCommand = (program, bind) =>
  program
    .command('outdated')
    .summary('show which images have newer builds')
    .description(
      "Shows for every image in use whether there is a newer build by the vendor's numbering, how old both are, and whether the registry still has the tag.",
    )
    .argument('<manifest-or-pack...>', 'one export manifest, or content pack folders')
    .option('--any-version', 'also propose builds of another version or Python')
    .addOption(sourceKeysOption())
    .addOption(jobsOption('images that are asked for', 8))
    .action(bind(async () => (await import('../actions/outdated.ts')).outdated));
