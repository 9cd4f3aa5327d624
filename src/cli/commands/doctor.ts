import { authFileOption, caFileOption, plainHttpOption } from '../registry-options.ts';
import { collectValues } from '../options.ts';
import {
  policyOption,
  revokedKeysOption,
  siteOption,
  stateOption,
  trustedKeysOption,
} from '../judgement-options.ts';
import type { AddCommand } from './command.ts';

/** Adds the command to the program. */
export const addDoctor: AddCommand = (program, bind) =>
  program
    .command('doctor')
    .summary('look for what would be in the way')
    .description(
      'Looks at this machine, its trusted keys, its engines and the registries that are named, and says what would be in the way and what to do. Changes nothing. Ends with the status that the command in question would end with.',
    )
    .option(
      '--to <endpoint>',
      'an engine to look at, as for import (repeatable) (default: docker: and podman:, of which one is enough)',
      collectValues,
    )
    .option(
      '--registry <host>',
      'a registry to ask whether it answers and takes the stored account, and Docker Hub for the pulls that are left (repeatable)',
      collectValues,
    )
    .addOption(authFileOption())
    .addOption(caFileOption())
    .addOption(plainHttpOption())
    .addOption(trustedKeysOption())
    .addOption(revokedKeysOption())
    .addOption(policyOption())
    .addOption(siteOption())
    .addOption(stateOption())
    .action(bind(async () => (await import('../actions/doctor.ts')).doctor));
