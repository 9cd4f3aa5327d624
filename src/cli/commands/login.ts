import {
  authFileOption,
  caFileOption,
  maxWaitOption,
  plainHttpOption,
  retriesOption,
  timeoutOption,
} from '../registry-options.ts';
import type { AddCommand } from './command.ts';

/** Adds the command to the program. */
export const addLogin: AddCommand = (program, bind) =>
  program
    .command('login')
    .summary('store the account for a registry')
    .description(
      "Shows an account to a registry and, when it is accepted, stores it where docker's and podman's clients find it too: with the credential helper that docker's configuration names, else in its file. The password is asked for on the terminal.",
    )
    .argument('<registry>', 'HOST[:PORT] of the registry; docker.io for Docker Hub')
    .requiredOption('-u, --username <user>', 'the name of the account')
    .option('--password-stdin', 'read the password from standard input')
    .addOption(authFileOption())
    .addOption(plainHttpOption())
    .addOption(caFileOption())
    .addOption(retriesOption())
    .addOption(maxWaitOption())
    .addOption(timeoutOption())
    .action(bind(async () => (await import('../actions/login.ts')).loginCommand));
