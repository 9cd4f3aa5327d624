import { PackferryError } from '../core/errors.ts';
import { chooseHosts } from '../flows/hosts/choose.ts';
import { endpointsOf, type HostEndpoint } from '../flows/hosts/endpoints.ts';
import { readHosts } from '../flows/hosts/read-hosts.ts';
import type { HostsOptions } from './hosts-options.ts';
import type { Session } from './session.ts';

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
