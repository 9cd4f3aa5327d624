import { Option } from 'commander';
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
export const addCopy: AddCommand = (program, bind) =>
  program
    .command('copy')
    .summary('bring images from one place to others')
    .description(
      'Brings images from the first source that has them to targets, only what is missing there, every digest compared on the way. Bundles are verified in full first, as import does; what comes from elsewhere nobody has signed: the digest of each image and where it comes from are told. Nothing is asked before: --dry-run shows what would be done.',
    )
    .argument(
      '[image...]',
      "names of images; of engines, bundles, folders and archives also patterns, as 'demisto/*'",
    )
    .addOption(
      new Option(
        '--from <endpoint>',
        'where from: registry: (the one that the image is named after), registry://HOST[:PORT][/PREFIX], docker:, podman:, ssh://[USER@]HOST, bundle:DIR, oci:DIR or docker-archive:FILE; asked in the order given (repeatable; default: registry:)',
      ).argParser(collectValues),
    )
    .addOption(toOption(''))
    .addOption(siteKeyOption())
    .addOption(passphraseOption())
    .addOption(withOption())
    .option('--all', 'all images of the engines, bundles, folders and archives that are sources')
    .addOption(retagOption())
    .addOption(onExistingOption())
    .option('--platform <platform>', 'of images that there are for several', 'linux/amd64')
    .option('--dry-run', 'look what is missing, bring nothing')
    .option('--keep-going', 'go on with the other images when one fails')
    .addOption(stageOption())
    .addOption(stageDirOption())
    .addOption(deliveryJobsOption('images that are brought to one target'))
    .action(bind(async () => (await import('../actions/copy.ts')).copyCommand));
