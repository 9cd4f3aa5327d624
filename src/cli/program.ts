import { Command } from 'commander';
import type { ExitStatus } from '../core/errors.ts';
import { groups, type Entry } from './command-table.ts';
import type { Bind } from './commands/command.ts';
import type { Context } from './context.ts';
import { addHostsOptions } from './hosts-options.ts';
import { exitStatusTable } from './exit-status.ts';
import { helpItem } from './help-item.ts';
import { addCommonOptions } from './options.ts';
import { addJudgementOptions } from './judgement-options.ts';
import { addRegistryOptions, addRegistryTargetOptions } from './registry-options.ts';
import { addPaceOptions } from './pace-options.ts';
import { addSshOptions } from './ssh-options.ts';

/** The whole command tree. `ended` is told the exit status of the command that ran. */
export function makeProgram(context: Context, ended: (status: ExitStatus) => void): Command {
  const program = new Command('packferry')
    .description('Carries the container images of Cortex XSOAR content packs across an air gap.')
    .version(context.tool.version, '-V, --version', 'print the version')
    .helpCommand(true)
    .showSuggestionAfterError(true)
    .exitOverride()
    // Without "[options]", which all have, descriptions have room on a terminal of 80 columns.
    .configureHelp({ subcommandTerm: termOf, minWidthToWrap: 24, formatItem: helpItem })
    .configureOutput({
      getOutHelpWidth: () => (context.stdout.isTTY === true ? context.stdout.columns : undefined) ?? 80,
      writeOut: (text) => context.stdout.write(text),
      writeErr: (text) => context.stderr.write(text),
      // main prints usage errors like all others.
      outputError: () => undefined,
    });
  const bind: Bind =
    (load) =>
    async (...args) => {
      const command = args.pop() as Command;
      const { runCommand } = await import('./run-command.ts');
      ended(await runCommand(context, await load(), command.args, command.opts()));
    };
  for (const { title, commands } of groups) {
    program.commandsGroup(title);
    for (const entry of commands) addEntry(program, entry, bind);
  }
  program.addHelpText('after', `\nExamples:\n${topExamples()}\n\nExit status:\n${statusText()}`);
  return program;
}

function termOf(command: Command): string {
  return `${command.name()} ${command.usage().replace(/\[(options|command)\] ?/g, '')}`.trimEnd();
}

function addEntry(
  parent: Command,
  { add, examples, judges, registries, ssh, delivers, hosts, within }: Entry,
  bind: Bind,
): void {
  const command = add(parent, bind);
  if (judges) addJudgementOptions(command);
  if (registries === true) addRegistryOptions(command);
  if (registries === 'targets') addRegistryTargetOptions(command);
  if (hosts !== undefined) addHostsOptions(command, hosts === 'as written' ? {} : { env: 'PACKFERRY_HOSTS' });
  if (ssh) addSshOptions(command);
  if (delivers) addPaceOptions(command);
  for (const entry of within ?? []) addEntry(command, entry, bind);
  if (within === undefined) addCommonOptions(command);
  command.addHelpText('after', `\nExamples:\n${examples.map((line) => `  $ ${line}`).join('\n')}`);
}

function topExamples(): string {
  return [
    '  $ packferry export manifest.yml -o bundle --key ~/.ssh/packferry',
    '  $ packferry import bundle --trusted-keys allowed_signers',
  ].join('\n');
}

function statusText(): string {
  return exitStatusTable
    .map(({ status, meaning }) => `  ${String(status).padStart(3)}  ${meaning}`)
    .join('\n');
}
