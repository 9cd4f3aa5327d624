import { Option } from 'commander';
import { passphraseOption } from '../options.ts';
import { revokedKeysOption, siteWitnessOption, trustedKeysOption } from '../judgement-options.ts';
import type { AddCommand } from './command.ts';

/** Adds the command to the program. */
export const addSign: AddCommand = (program, bind) =>
  program
    .command('sign')
    .summary('add a signature to a bundle')
    .description(
      'Adds the signature of one more person to a finished bundle. First the signatures that are there and every byte are verified; then it shows what is signed, and asks. Writes one file, SHA256SUMS.N.sig, and touches nothing else.',
    )
    .argument('<bundle>', 'the folder of the bundle')
    .addOption(
      new Option(
        '--key <file>',
        'OpenSSH private key of the new signer, or the public key or certificate of one that an ssh-agent holds',
      )
        .env('PACKFERRY_KEY')
        .makeOptionMandatory(),
    )
    .addOption(passphraseOption())
    .addOption(trustedKeysOption())
    .addOption(revokedKeysOption())
    .addOption(siteWitnessOption())
    .option('-y, --yes', 'do not ask')
    .action(bind(async () => (await import('../actions/sign.ts')).sign));
