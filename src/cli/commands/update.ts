import { Option } from 'commander';
import { jobsOption } from '../options.ts';
import type { AddCommand } from './command.ts';

/** Adds the command to the program. */
export const addUpdate: AddCommand = (program, bind) =>
  program
    .command('update')
    .summary('move packs to newer images')
    .description(
      'Moves the images of content packs to their newest builds. Shows a diff; with --write it changes the image in the yml files and nothing else in them.',
    )
    .argument('<pack...>', 'content pack folders, or yml files')
    .option('--write', 'change the files')
    .addOption(new Option('--dry-run', 'only show what would change (the default)').conflicts('write'))
    .option('--image <name>', 'only this image, with or without tag')
    .option('--to <tag>', 'set this tag instead of the newest one')
    .addOption(
      new Option('--any-version', 'also move to builds of another version or Python').conflicts('to'),
    )
    .addOption(jobsOption('images that are asked for', 8))
    .action(bind(async () => (await import('../actions/update.ts')).update));
