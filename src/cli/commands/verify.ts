import { passphraseOption, siteKeyOption } from '../options.ts';
import type { AddCommand } from './command.ts';

/** Adds the command to the program. */
export const addVerify: AddCommand = (program, bind) =>
  program
    .command('verify')
    .summary('check signature, sums and structure')
    .description(
      'Checks the signature of a bundle, and every byte of it against what was signed. Loads nothing.',
    )
    .argument('<bundle>', 'the folder of the bundle')
    .addOption(siteKeyOption())
    .addOption(passphraseOption())
    .option(
      '--damage <file>',
      'where something is lost, write down which files and blobs: a new file, to be carried back to where the bundle was made',
    )
    .action(bind(async () => (await import('../actions/verify.ts')).verify));
