import { stateCopyOption, stateOption } from '../judgement-options.ts';
import type { AddCommand } from './command.ts';

/** Adds the command to the program. */
export const addHistory: AddCommand = (program, bind) =>
  program
    .command('history')
    .summary('what was accepted here')
    .description(
      'Checks the history of accepted bundles, by which import refuses older ones, and shows it: every stream, or the latest 50 bundles of one.',
    )
    .argument('[stream]', 'the name of a stream of bundles')
    .option('--reset <reason>', 'the next bundle of the stream counts as its first, whatever its number')
    .option('--reset-clock <reason>', 'the clock was wrong before and is right now')
    .option('--recover <reason>', 'keep what stands before the damage of a damaged history')
    .addOption(stateOption())
    .addOption(stateCopyOption())
    .action(bind(async () => (await import('../actions/history.ts')).history));
