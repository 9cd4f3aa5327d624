import { revokedKeysOption, trustedKeysOption } from '../judgement-options.ts';
import type { AddCommand } from './command.ts';

/** Adds the command to the program. */
export const addInspect: AddCommand = (program, bind) =>
  program
    .command('inspect')
    .summary('show what a bundle holds')
    .description(
      'Shows the images of a bundle, their sizes and who needs them, without reading the archives.',
    )
    .argument('<bundle>', 'the folder of the bundle')
    .addOption(trustedKeysOption())
    .addOption(revokedKeysOption())
    .action(bind(async () => (await import('../actions/inspect.ts')).inspect));
