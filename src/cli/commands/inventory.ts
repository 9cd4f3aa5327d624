import { Option } from 'commander';
import { collectValues, jobsOption } from '../options.ts';
import { revokedKeysOption, trustedKeysOption } from '../judgement-options.ts';
import type { AddCommand } from './command.ts';

/** Adds the command to the program. */
export const addInventory: AddCommand = (program, bind) =>
  program
    .command('inventory')
    .summary('show which image is on which host')
    .description(
      'Asks engines what they have and shows which image is where, where it is missing, and where its name stands for another image; on request compared with a bundle or a lock. Changes nothing. A host that cannot be asked is told, and the others are shown.',
    )
    .addOption(
      new Option(
        '--from <endpoint>',
        'an engine: docker:, podman: or ssh://[USER@]HOST (repeatable; default: docker:, unless --hosts is given)',
      ).argParser(collectValues),
    )
    .addOption(
      new Option(
        '--images <pattern>',
        "only these images, as 'demisto/*' or 'demisto/python3:3.12*' (repeatable)",
      ).argParser(collectValues),
    )
    .option(
      '--against <place>',
      'the folder of a bundle or a lock file: what ought to be there; with --trusted-keys the signature of a bundle is checked',
    )
    .option('-o, --output <file>', 'write the report (JSON) into this file, to carry it back')
    .addOption(trustedKeysOption())
    .addOption(revokedKeysOption())
    .addOption(jobsOption('hosts that are asked', 8))
    .action(bind(async () => (await import('../actions/inventory.ts')).inventoryCommand));
