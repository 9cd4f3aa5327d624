import { Option } from 'commander';
import { keyTypes } from '../../core/names.ts';
import { passphraseOption } from '../options.ts';
import type { AddCommand } from './command.ts';

/** Adds the command to the program. */
export const addKeygen: AddCommand = (program, bind) =>
  program
    .command('keygen')
    .summary('make a signing key')
    .description(
      'Makes a key pair in OpenSSH format and prints the allowed_signers line by which other sites trust it. Never overwrites a file.',
    )
    .requiredOption('-o, --output <file>', 'the private key; the public key goes to FILE.pub')
    .addOption(
      new Option('--type <type>', 'kind of key; ecdsa-p256 for FIPS machines')
        .choices([...keyTypes])
        .default('ed25519'),
    )
    .option('--principal <name>', 'the name by which sites know the signer (default: user@host)')
    .addOption(passphraseOption())
    .option('--no-passphrase', 'do not encrypt the private key')
    .action(bind(async () => (await import('../actions/keygen.ts')).keygen));
