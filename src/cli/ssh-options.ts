import { Option, type Command } from 'commander';
import { collectValues } from './options.ts';

/** Options of commands that may reach machines over SSH. */
export interface SshOptions {
  readonly acceptNew?: boolean;
  readonly sshConfig?: string;
  readonly identity?: readonly string[];
  readonly knownHosts?: string;
  readonly sshPasswordFile?: string;
  readonly sshCommand?: string;
}

/** Adds these options. */
export function addSshOptions(command: Command): Command {
  const group = 'SSH:';
  const add = (option: Option): Command => command.addOption(option.helpGroup(group));
  add(
    new Option(
      '--accept-new',
      'add hosts that no known_hosts file has, and tell their fingerprints; a host with another key than the known one is refused all the same',
    ),
  );
  add(
    new Option(
      '--ssh-config <file>',
      'settings of hosts, instead of ~/.ssh/config and /etc/ssh/ssh_config; "none" for no file',
    ),
  );
  add(new Option('--identity <file>', 'a private key to try first (repeatable)').argParser(collectValues));
  add(
    new Option(
      '--known-hosts <file>',
      'the keys of known hosts, instead of ~/.ssh/known_hosts; /etc/ssh/ssh_known_hosts counts besides',
    ),
  );
  add(
    new Option(
      '--ssh-password-file <file>',
      'file whose first line is the password there; a pipe will do, as /dev/fd/3; without it a password is asked for on the terminal',
    ),
  );
  return add(
    new Option(
      '--ssh-command <command>',
      'have this connect in place of the client in packferry, for instance ssh: for security keys, Kerberos, ProxyCommand; words may stand in quotes, no shell sees them',
    ).env('PACKFERRY_SSH_COMMAND'),
  );
}
