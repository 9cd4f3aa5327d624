import { Option, type Command } from 'commander';
import { collectValues } from './options.ts';

/** Options of commands that reach many hosts. */
export interface HostsOptions {
  readonly hosts?: string;
  readonly group?: readonly string[];
  readonly limit?: string;
}

/** Adds these options. `env` is a variable that names the file, too. */
export function addHostsOptions(command: Command, { env }: { readonly env?: string }): Command {
  const group = 'Hosts:';
  const add = (option: Option): Command => command.addOption(option.helpGroup(group));
  const hosts = new Option(
    '--hosts <file>',
    'file of hosts that are reached over SSH: YAML of packferry (schema: packferry.hosts/v1), or an Ansible inventory in INI or YAML; passwords in it are not read',
  );
  add(env === undefined ? hosts : hosts.env(env));
  add(
    new Option('--group <name>', 'only the hosts of this group of the file (repeatable)').argParser(
      collectValues,
    ),
  );
  return add(
    new Option(
      '--limit <pattern>',
      "only hosts that fit, as for Ansible: names of hosts and groups with * and ?, ':' or ',' between them, '!' before what is left out, '&' before what has to fit, too",
    ),
  );
}
