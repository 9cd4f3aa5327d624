import { Option, type Command } from 'commander';

/** Which files of trust are meant. */
export interface PlaceOptions {
  readonly system?: boolean;
  readonly user?: boolean;
  readonly dir?: string;
}

/** Adds `--system`, `--user` and `--dir`, to the commands on files of trust. */
export function addPlaceOptions(command: Command): Command {
  return command
    .addOption(
      new Option('--system', "the machine's files, in /etc/packferry (the default for root)").conflicts([
        'user',
        'dir',
      ]),
    )
    .addOption(
      new Option('--user', 'your own files, in ~/.config/packferry (the default for others)').conflicts([
        'system',
        'dir',
      ]),
    )
    .addOption(
      new Option('--dir <folder>', 'the files in this folder, for instance a copy that is being prepared'),
    );
}
