import path from 'node:path';
import { PackferryError } from '../core/errors.ts';
import { splitWords } from './config-words.ts';
import type { Destination } from './destination.ts';
import type { SshUser } from './settings.ts';

/** A command that takes the arguments of OpenSSH's ssh, and the words before them. */
export type ClientWords = readonly [string, ...string[]];

/**
 * Takes the command apart that is to connect in place of packferry's own client. Words are separated by spaces; quotes of
 * either kind keep spaces, a backslash keeps quotes and spaces as they are. No shell sees it: variables, `~` and `*` stand for
 * themselves. Throws `E_SSH_CONFIG`.
 */
export function parseClientCommand(text: string): ClientWords {
  // What is a comment in ssh_config is a mistake here.
  const words = /(^|\s)#/.test(text) ? undefined : splitWords(text);
  const [program, ...more] = words ?? [];
  if (program === undefined || program === '' || program.startsWith('-') || /\p{Cc}/u.test(text)) {
    throw invalid(`${JSON.stringify(text)} is no command`, 'For instance: --ssh-command "ssh -F my_config".');
  }
  // Trust on first use is asked for in one way only, and told then.
  if (more.some((word) => /stricthostkeychecking/i.test(word))) {
    throw invalid(
      `${JSON.stringify(text)}: StrictHostKeyChecking does not count here: the host has to be known`,
      'Add the host to known_hosts, or give --accept-new once.',
    );
  }
  return [program, ...more];
}

export interface ClientOptions {
  readonly me: SshUser;
  readonly acceptNew: boolean;
}

/** The arguments of every connection to a host. For ssh the first value counts: what it has been given before, then these, then ssh_config. */
export function connectArguments({ user, port }: Destination, { me, acceptNew }: ClientOptions): string[] {
  const { configFile, identities = [], knownHosts } = me;
  // Questions would appear in the midst of everything else; what is of no use here is not forwarded or run.
  const options = [
    'BatchMode=yes',
    `StrictHostKeyChecking=${acceptNew ? 'accept-new' : 'yes'}`,
    ...['ClearAllForwardings=yes', 'PermitLocalCommand=no', 'RemoteCommand=none'],
    ...identities.map((file) => `IdentityFile=${asValue(path.resolve(file))}`),
    ...(knownHosts === undefined ? [] : [`UserKnownHostsFile=${asValue(path.resolve(knownHosts))}`]),
  ];
  return [
    ...['-T', '-a', '-x'],
    ...options.flatMap((option) => ['-o', option]),
    ...(configFile === undefined
      ? []
      : ['-F', configFile.toLowerCase() === 'none' ? 'none' : path.resolve(configFile)]),
    ...(port === undefined ? [] : ['-p', String(port)]),
    ...(user === undefined ? [] : ['-l', user]),
  ];
}

/** The host as the last argument: after `--` nothing is an option any more, and no such name gets here (destination.ts). */
export function hostArguments({ host }: Destination): string[] {
  return ['--', host];
}

/** A path as the value of an option: quoted, and a percent sign stands for itself. */
function asValue(file: string): string {
  if (!/["\\]|\$\{|\p{Cc}/u.test(file)) return `"${file.replaceAll('%', '%%')}"`;
  throw invalid(
    `${JSON.stringify(file)} cannot be handed to ssh`,
    'Name a path without quotes, backslashes and "${".',
  );
}

function invalid(message: string, hint: string): PackferryError {
  return new PackferryError('E_SSH_CONFIG', message, { hint });
}
