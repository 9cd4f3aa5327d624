import { Option, type Command } from 'commander';
import { PackferryError } from '../core/errors.ts';
import { chooseHosts } from '../flows/hosts/choose.ts';
import { endpointsOf, type HostEndpoint } from '../flows/hosts/endpoints.ts';
import { readHosts } from '../flows/hosts/read-hosts.ts';
import { collectValues } from './options.ts';
import type { Session } from './session.ts';

/** Options of commands that reach many hosts. */
export interface HostsOptions {
  readonly hosts?: string;
  readonly group?: readonly string[];
  readonly limit?: string;
}

/** Adds these options. */
export function addHostsOptions(command: Command): Command {
  const group = 'Hosts:';
  const add = (option: Option): Command => command.addOption(option.helpGroup(group));
  add(
    new Option(
      '--hosts <file>',
      'file of hosts that are reached over SSH: YAML of packferry (schema: packferry.hosts/v1), or an Ansible inventory in INI or YAML; passwords in it are not read',
    ).env('PACKFERRY_HOSTS'),
  );
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

/** The hosts that the options name, as endpoints; none without a file. Throws what reading and choosing them throws. */
export async function chosenHosts(
  { emit }: Session,
  { hosts: file, group, limit }: HostsOptions,
): Promise<readonly HostEndpoint[]> {
  if (file === undefined) {
    if (group === undefined && limit === undefined) return [];
    throw new PackferryError('E_USAGE', '--group and --limit choose hosts of a file, and none is given', {
      hint: 'Give it with --hosts FILE.',
    });
  }
  const all = await readHosts(file, emit);
  const groups = group === undefined ? {} : { groups: group };
  const chosen = chooseHosts(all, limit === undefined ? groups : { ...groups, limit });
  return endpointsOf(chosen, file);
}

/** Endpoints that are written out, then those of the file, each once. */
export async function allHosts(
  session: Session,
  written: readonly string[],
  options: HostsOptions,
): Promise<readonly HostEndpoint[]> {
  const given = written.map((url) => ({ name: url, url }));
  const hosts = [...given, ...(await chosenHosts(session, options))];
  return [...new Map(hosts.map((host) => [host.url, host])).values()];
}
