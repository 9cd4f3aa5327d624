import path from 'node:path';
import { PackferryError } from '../core/errors.ts';
import type { Emit } from '../core/events.ts';
import { readConfig, type ConfigPlace, type ConfigValues } from './config.ts';
import { expandPath, expandTokens, type Tokens } from './config-tokens.ts';
import { parseJumps, type Destination } from './destination.ts';

/** The user who runs packferry, and what of the command line is about SSH. */
export interface SshUser {
  readonly name: string;
  /** Absolute. */
  readonly home: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** The only file of settings, in place of the user's and the machine's. */
  readonly configFile?: string;
  /** Key files, tried before those of the settings. */
  readonly identities?: readonly string[];
  /** The known_hosts file, in place of the user's own ones; the machine's counts all the same. */
  readonly knownHosts?: string;
  /** The words of a command that connects in place of this program's own client, such as `ssh`. */
  readonly command?: readonly [string, ...string[]];
}

/** What is to be done for one host, every value filled in. */
export interface HostSettings {
  /** The name or address to connect to, in lower case. */
  readonly hostName: string;
  readonly port: number;
  readonly user: string;
  readonly jumps: readonly Destination[];
  readonly identityFiles: readonly string[];
  /** Nobody has named them: those that are not there are no fault. */
  readonly areDefaultIdentities: boolean;
  readonly identitiesOnly: boolean;
  /** Socket of the agent, if there is one. */
  readonly agent: string | undefined;
  /** The user's files; a new host is added to the first. */
  readonly userKnownHosts: readonly string[];
  readonly globalKnownHosts: readonly string[];
  readonly revokedHostKeys: readonly string[];
  readonly hashKnownHosts: boolean;
  readonly hostKeyAlias: string | undefined;
  /** Milliseconds until the connection stands. */
  readonly connectTimeout: number;
  /** Milliseconds between signs of life, and how many may fail. */
  readonly aliveInterval: number;
  readonly aliveCountMax: number;
}

/** As OpenSSH has them, without those that need a security key. */
const defaultIdentities = ['id_rsa', 'id_ecdsa', 'id_ecdsa_sk', 'id_ed25519', 'id_ed25519_sk'];

/** Finds the settings of a host. Throws `E_SSH_CONFIG`. */
export async function settingsOf(
  { host, user, port }: Destination,
  me: SshUser,
  emit: Emit,
  jumps?: string,
): Promise<HostSettings> {
  const before = {
    ...(user === undefined ? {} : { user: [user] }),
    ...(port === undefined ? {} : { port: [String(port)] }),
    ...(jumps === undefined ? {} : { proxyjump: [jumps] }),
  };
  const { home, name: localUser } = me;
  const values = await readConfig({ places: placesOf(me), host, before, localUser, home, emit });
  return fillIn(host, values, me, emit);
}

function placesOf({ home, configFile }: SshUser): ConfigPlace[] {
  const own = path.join(home, '.ssh');
  if (configFile?.toLowerCase() === 'none') return [];
  if (configFile !== undefined) return [{ file: path.resolve(configFile), folder: own, isNeeded: true }];
  return [
    { file: path.join(own, 'config'), folder: own, isNeeded: false },
    { file: '/etc/ssh/ssh_config', folder: '/etc/ssh', isNeeded: false },
  ];
}

function fillIn(host: string, values: ConfigValues, me: SshUser, emit: Emit): HostSettings {
  const one = (keyword: string): string | undefined => values.get(keyword)?.[0];
  refuseCommand(values, host);
  const hostName = expandTokens(one('hostname') ?? host, { h: host }, 'HostName').toLowerCase();
  const port = numberOf(values, 'port', 22, 65_535);
  const user = one('user') ?? me.name;
  const tokens: Tokens = {
    ...{ d: me.home, u: me.name, h: hostName, n: host, p: String(port), r: user },
    k: one('hostkeyalias') ?? host,
  };
  const pathsOf = (words: readonly string[], keyword: string): string[] =>
    words
      .filter((word) => word.toLowerCase() !== 'none')
      .map((word) => expandPath(word, keyword, tokens, me.environment));
  const identities = [...(me.identities ?? []), ...pathsOf(values.get('identityfile') ?? [], 'IdentityFile')];
  const ssh = (name: string): string => path.join(me.home, '.ssh', name);
  const userFiles = values.get('userknownhostsfile') ?? [ssh('known_hosts'), ssh('known_hosts2')];
  const globalFiles = values.get('globalknownhostsfile') ?? [
    '/etc/ssh/ssh_known_hosts',
    '/etc/ssh/ssh_known_hosts2',
  ];
  tellOfTrust(one('stricthostkeychecking'), host, emit);
  const areDefault = identities.length === 0 && !values.has('identityfile');
  return {
    ...{ hostName, port, user },
    jumps: parseJumps((values.get('proxyjump') ?? ['none']).join(' ')),
    identityFiles: areDefault ? defaultIdentities.map(ssh) : [...new Set(identities)],
    areDefaultIdentities: areDefault,
    identitiesOnly: isYes(values, 'identitiesonly'),
    agent: agentOf(one('identityagent'), tokens, me),
    userKnownHosts:
      me.knownHosts === undefined ? pathsOf(userFiles, 'UserKnownHostsFile') : [path.resolve(me.knownHosts)],
    globalKnownHosts: pathsOf(globalFiles, 'GlobalKnownHostsFile'),
    revokedHostKeys: pathsOf(values.get('revokedhostkeys') ?? [], 'RevokedHostKeys'),
    hashKnownHosts: isYes(values, 'hashknownhosts'),
    hostKeyAlias: one('hostkeyalias'),
    connectTimeout: secondsOf(values, 'connecttimeout', 20) * 1000,
    aliveInterval: secondsOf(values, 'serveraliveinterval', 15) * 1000,
    aliveCountMax: numberOf(values, 'serveralivecountmax', 3, 1000),
  };
}

function refuseCommand(values: ConfigValues, host: string): void {
  const command = values.get('proxycommand') ?? ['none'];
  if (command[0]?.toLowerCase() === 'none') return;
  throw new PackferryError('E_SSH_CONFIG', `${host}: ProxyCommand is not supported`, {
    hint: 'Let ssh itself connect: --ssh-command ssh. Or use ProxyJump in its place.',
  });
}

/** Trust on first use is asked for on the command line only, each time. */
function tellOfTrust(checking: string | undefined, host: string, emit: Emit): void {
  if (checking === undefined || ['yes', 'ask', 'true'].includes(checking.toLowerCase())) return;
  const message = `${host}: StrictHostKeyChecking ${checking} does not count here: the host has to be known`;
  emit({ type: 'note', level: 'info', message });
}

function agentOf(written: string | undefined, tokens: Tokens, { environment }: SshUser): string | undefined {
  const usual = environment['SSH_AUTH_SOCK'];
  const named = written === undefined || written === 'SSH_AUTH_SOCK' ? usual : written;
  if (named === undefined || named === '' || named.toLowerCase() === 'none') return undefined;
  const [, variable] = /^\$([A-Za-z_][A-Za-z0-9_]*)$/.exec(named) ?? [];
  if (named === usual) return named;
  return variable === undefined
    ? expandPath(named, 'IdentityAgent', tokens, environment)
    : environment[variable];
}

const hint = 'Correct it in your ssh_config, or give another one with --ssh-config FILE.';

function isYes(values: ConfigValues, keyword: string): boolean {
  return ['yes', 'true'].includes(values.get(keyword)?.[0]?.toLowerCase() ?? 'no');
}

function numberOf(values: ConfigValues, keyword: string, preset: number, most: number): number {
  const text = values.get(keyword)?.[0];
  if (text === undefined) return preset;
  const number = /^[0-9]{1,6}$/.test(text) ? Number(text) : 0;
  if (number >= 1 && number <= most) return number;
  throw new PackferryError('E_SSH_CONFIG', `${keyword} ${text}: a number from 1 to ${most} is wanted`, {
    hint,
  });
}

/** A time of sshd_config(5): seconds, or `1m30s`; 0 and `none` leave it to us. */
function secondsOf(values: ConfigValues, keyword: string, preset: number): number {
  const text = values.get(keyword)?.[0] ?? '0';
  if (text.toLowerCase() === 'none') return preset;
  const parts = [...text.matchAll(/([0-9]{1,6})([smhdw]?)/gi)];
  if (parts.length === 0 || parts.map(([part]) => part).join('') !== text)
    throw new PackferryError('E_SSH_CONFIG', `${keyword} ${text}: no time`, { hint });
  const units: Readonly<Record<string, number>> = { '': 1, s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 };
  const seconds = parts.reduce((sum, [, digits = '', unit = '']) => {
    return sum + Number(digits) * (units[unit.toLowerCase()] ?? 1);
  }, 0);
  return seconds === 0 ? preset : Math.min(seconds, 86_400);
}
