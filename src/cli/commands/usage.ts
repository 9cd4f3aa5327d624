import type { AddCommand } from './command.ts';

/** Adds the command to the program. */
export const addUsage: AddCommand = (program, bind) =>
  program
    .command('usage')
    .summary('show who uses an image')
    .description(
      'Shows every pack, integration and script that uses an image. IMAGE without a tag means any tag; write :latest for just that one.',
    )
    .argument('<image>', 'image, with or without tag')
    .argument('<manifest-or-pack...>', 'one export manifest, or content pack folders')
    .action(bind(async () => (await import('../actions/usage.ts')).usage));
