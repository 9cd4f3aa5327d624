import { Option } from 'commander';
import { collectValues } from '../options.ts';
import type { AddCommand } from './command.ts';

/** Adds the command to the program. */
export const addSearch: AddCommand = (program, bind) =>
  program
    .command('search')
    .summary('find images by what is in them')
    .description(
      "Finds images in a local copy of the vendor's image metadata (demisto/dockerfiles-info). All that is given must apply. Shows the newest tag of each image that does.",
    )
    .argument('[words...]', 'parts of names of images or packages')
    .addOption(
      new Option('--metadata <folder>', 'the copy of the metadata')
        .makeOptionMandatory()
        .env('PACKFERRY_METADATA'),
    )
    .option('--python-package <name[==version]>', 'has this Python package (repeatable)', collectValues)
    .option('--os-package <name[==version]>', 'has this package of the system (repeatable)', collectValues)
    .option('--python <version>', 'has this Python, for instance 3.12')
    .option('--name <part>', 'has this in its name')
    .option('--all-tags', 'show every tag that matches')
    .action(bind(async () => (await import('../actions/search.ts')).search));
