import { policyOption, revokedKeysOption, siteOption, stateOption, trustedKeysOption } from '../options.ts';
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
    .addOption(trustedKeysOption())
    .addOption(revokedKeysOption())
    .addOption(policyOption())
    .addOption(siteOption())
    .addOption(stateOption())
    .action(bind(async () => (await import('../actions/verify.ts')).verify));
