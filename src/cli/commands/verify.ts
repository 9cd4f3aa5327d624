import {
  allowRollbackOption,
  deepOption,
  passphraseOption,
  policyOption,
  revokedKeysOption,
  siteKeyOption,
  siteOption,
  siteWitnessOption,
  stateCopyOption,
  stateOption,
  trustedKeysOption,
} from '../options.ts';
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
    .addOption(siteKeyOption())
    .addOption(passphraseOption())
    .addOption(stateCopyOption())
    .addOption(allowRollbackOption())
    .addOption(deepOption())
    .addOption(siteWitnessOption())
    .option(
      '--damage <file>',
      'where something is lost, write down which files and blobs: a new file, to be carried back to where the bundle was made',
    )
    .action(bind(async () => (await import('../actions/verify.ts')).verify));
