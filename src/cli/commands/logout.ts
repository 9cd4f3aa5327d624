import { authFileOption } from '../registry-options.ts';
import type { AddCommand } from './command.ts';

/** Adds the command to the program. */
export const addLogout: AddCommand = (program, bind) =>
  program
    .command('logout')
    .summary('remove the account for a registry')
    .description('Removes what is stored for a registry from wherever it would be found.')
    .argument('<registry>', 'HOST[:PORT] of the registry; docker.io for Docker Hub')
    .addOption(authFileOption())
    .action(bind(async () => (await import('../actions/login.ts')).logoutCommand));
