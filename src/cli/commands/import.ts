import {
  collectValues,
  jobsOption,
  policyOption,
  revokedKeysOption,
  siteOption,
  stateOption,
  trustedKeysOption,
} from '../options.ts';
import type { AddCommand } from './command.ts';

/** Adds the command to the program. */
export const addImport: AddCommand = (program, bind) =>
  program
    .command('import')
    .summary('verify a bundle and load it')
    .description(
      'Verifies a bundle, loads the images that are missing, and checks that the target then holds exactly these images.',
    )
    .argument('<bundle>', 'the folder of the bundle')
    .option(
      '--to <endpoint>',
      'where to: docker:, docker:unix:///PATH, oci:DIR; may be repeated (default: docker:)',
      collectValues,
    )
    .addOption(trustedKeysOption())
    .addOption(revokedKeysOption())
    .addOption(policyOption())
    .addOption(siteOption())
    .addOption(stateOption())
    .option('--image <reference>', 'only this image; may be repeated', collectValues)
    .option('--packs-to <dir>', 'also write the carried packs into this folder, ready for upload')
    .option('--dry-run', 'verify and compare, load nothing')
    .option('--keep-going', 'go on with the other images when one fails')
    .option('-y, --yes', 'do not ask')
    .addOption(jobsOption('images that are loaded', 2))
    .action(bind(async () => (await import('../actions/import.ts')).importCommand));
