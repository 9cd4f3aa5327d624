import { Option } from 'commander';
import { stateOption } from '../judgement-options.ts';
import { collectValues, jobsOption, onExistingOption, passphraseOption, siteKeyOption } from '../options.ts';
import { retriesOption } from '../registry-options.ts';
import { stageDirOption, stageOption } from '../stage-options.ts';
import type { AddCommand } from './command.ts';

/** Adds the command to the program. */
export const addSync: AddCommand = (program, bind) =>
  program
    .command('sync')
    .summary('give every host of a list the same images')
    .description(
      "Asks all hosts what they have, and brings each of them what others have and it lacks: a custom image of one app server gets to all. With --from only that host's images count. Names that stand for different images are told and left alone. Nobody has signed what hosts have: for what came in a bundle, import it to all hosts instead.",
    )
    .addOption(
      new Option(
        '--images <pattern>',
        "which images, as 'acme/*' or 'localhost/**'; needed (repeatable)",
      ).argParser(collectValues),
    )
    .addOption(
      new Option(
        '--host <endpoint>',
        'a host that is to have them: ssh://[USER@]HOST, docker: or podman: (repeatable); or see --hosts',
      ).argParser(collectValues),
    )
    .option('--from <endpoint>', 'the host whose images count: others get what it has, and nothing else')
    .addOption(onExistingOption())
    .option('--dry-run', 'ask the hosts and show what each lacks, bring nothing')
    .option(
      '--keep-going',
      'go on without hosts that cannot be asked, and with the other images when one fails',
    )
    .option('-y, --yes', 'do not ask')
    .addOption(
      jobsOption('images that are brought to one host, and with four times as many hosts that are asked,', 2),
    )
    .addOption(stageOption())
    .addOption(stageDirOption())
    .addOption(retriesOption())
    .addOption(stateOption())
    .addOption(siteKeyOption())
    .addOption(passphraseOption())
    .action(bind(async () => (await import('../actions/sync.ts')).syncCommand));
