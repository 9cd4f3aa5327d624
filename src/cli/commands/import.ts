import {
  collectValues,
  onExistingOption,
  passphraseOption,
  retagOption,
  siteKeyOption,
  toOption,
} from '../options.ts';
import { withOption } from '../base-options.ts';
import { stageDirOption, stageOption } from '../stage-options.ts';
import { deliveryJobsOption } from '../delivery-jobs.ts';
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
    .addOption(toOption(' (default: docker:)'))
    .addOption(siteKeyOption())
    .addOption(passphraseOption())
    .option('--image <reference>', 'only this image (repeatable)', collectValues)
    .addOption(withOption())
    .option('--packs-to <dir>', 'also write the carried packs into this folder, ready for upload')
    .addOption(retagOption())
    .addOption(onExistingOption('what the bundle asks for, else error'))
    .option(
      '--single-pass',
      'check images while they are loaded, so that a slow medium is read once, for all targets',
    )
    .option(
      '--smoke',
      'then run each image once (python --version, else a shell), without network or rights, and remove the container',
    )
    .option('--dry-run', 'verify and compare, load nothing')
    .option('--keep-going', 'go on with the other images when one fails')
    .option('-y, --yes', 'do not ask')
    .addOption(stageOption())
    .addOption(stageDirOption())
    .addOption(deliveryJobsOption('images that are loaded into one target'))
    .action(bind(async () => (await import('../actions/import.ts')).importCommand));
