import { baseOption } from '../base-options.ts';
import { jobsOption, witnessOption } from '../options.ts';
import { sourceKeysOption } from '../judgement-options.ts';
import type { AddCommand } from './command.ts';

/** Adds the command to the program. */
export const addPlan: AddCommand = (program, bind) =>
  program
    .command('plan')
    .summary('show what would be bundled')
    .description(
      'Shows every image that a manifest or content packs need, who uses it, its size, and what sharing layers saves. Downloads no layer.',
    )
    .argument('<manifest-or-pack...>', 'one export manifest, or content pack folders')
    .addOption(witnessOption())
    .addOption(sourceKeysOption())
    .addOption(jobsOption('images that are asked for', 8))
    .option('--tree', 'show packs, their items, and the images of these')
    .option('--per-image', 'plan one archive per image')
    .addOption(baseOption())
    .action(bind(async () => (await import('../actions/plan.ts')).plan));
