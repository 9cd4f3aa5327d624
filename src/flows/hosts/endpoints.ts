import { isIPv6 } from 'node:net';
import { PackferryError } from '../../core/errors.ts';
import { sumUp } from '../../core/sum-up.ts';
import type { Host } from './resolve.ts';

/** A host as the endpoint that it is for images. */
export interface HostEndpoint {
  /** What people call it: the name in the file, or the endpoint itself. */
  readonly name: string;
  readonly url: string;
}

const overSsh: readonly string[] = ['ssh', 'smart', 'paramiko', 'paramiko_ssh', 'ansible.builtin.ssh'];
const local: readonly string[] = ['local', 'ansible.builtin.local'];

/**
 * The endpoints of hosts, `ssh://...`, or the local engine where a host is the machine itself. Throws `E_HOSTS_INVALID`
 * with every host that is reached in no such way.
 */
export function endpointsOf(hosts: readonly Host[], file: string): readonly HostEndpoint[] {
  const errors: PackferryError[] = [];
  const endpoints = hosts.flatMap((host) => {
    const { name, at, settings } = host;
    const { connection = 'ssh', becomeMethod = 'sudo' } = settings;
    const fail = (why: string): [] => {
      const { line, column } = at();
      errors.push(
        new PackferryError('E_HOSTS_INVALID', `${file}:${line}:${column}: ${name}: ${why}`, { hint }),
      );
      return [];
    };
    if (wantsRights(host) && !/^(?:ansible\.builtin\.)?sudo$/.test(becomeMethod))
      return fail('other rights are had by sudo only, and not by what ansible_become_method says');
    if (local.includes(connection)) return { name, url: localUrl(host) };
    if (!overSsh.includes(connection)) return fail('it is not reached over SSH, as ansible_connection says');
    return { name, url: sshUrl(host) };
  });
  if (errors.length > 0) throw sumUp('E_HOSTS_INVALID', file, errors);
  return [...new Map(endpoints.map((one) => [one.url, one])).values()];
}

const hint = 'Leave it out with --limit, or change what is said of it.';

function wantsRights({ settings }: Host): boolean {
  return settings.as === undefined && settings.sudo === undefined && settings.become === true;
}

/** Whose engine it is: what is said for packferry counts for more than what Ansible is to become. */
function userOf(host: Host): string | undefined {
  const { as, sudo, becomeUser = 'root' } = host.settings;
  if (as !== undefined) return as;
  if (sudo === true) return 'root';
  return wantsRights(host) ? becomeUser : undefined;
}

function sshUrl(host: Host): string {
  const { address = host.name, user, port, engine, socket } = host.settings;
  const as = userOf(host);
  const at = user === undefined ? '' : `${user}@`;
  const where = isIPv6(address) ? `[${address}]` : address;
  const query = [
    ...(engine === undefined ? [] : [`engine=${engine}`]),
    ...(as === undefined ? [] : [as === 'root' ? 'sudo' : `as=${as}`]),
    ...(socket === undefined ? [] : [`socket=${encodeURIComponent(socket).replaceAll('%2F', '/')}`]),
  ].join('&');
  return `ssh://${at}${where}${port === undefined ? '' : `:${port}`}${query === '' ? '' : `?${query}`}`;
}

function localUrl(host: Host): string {
  const { engine = 'docker', socket } = host.settings;
  const as = userOf(host);
  if (socket !== undefined) return `${engine}:unix://${socket}`;
  if (as === undefined) return `${engine}:`;
  return `${engine}:?${as === 'root' ? 'sudo' : `as=${as}`}`;
}
