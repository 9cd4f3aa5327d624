import { PackferryError, type ErrorCode } from '../core/errors.ts';
import { plainWords } from '../core/plain-words.ts';

/** ssh ends with this when it, and not the command there, has failed (ssh(1), "EXIT STATUS"). */
export const clientFailed = 255;

interface KnownWords {
  readonly pattern: RegExp;
  readonly code: ErrorCode;
  readonly hint: string;
}

/** What OpenSSH's client says, by the cause, the most certain first. */
const known: readonly KnownWords[] = [
  {
    pattern: /revoked/i,
    code: 'E_HOST_KEY_REVOKED',
    hint: 'Somebody may pose as this host. Do not connect; ask those who run it.',
  },
  {
    pattern:
      /HOST IDENTIFICATION HAS CHANGED|host key for .* has changed|was found and doesn't match|Certificate invalid/i,
    code: 'E_HOST_KEY_CHANGED',
    hint: 'Somebody may pose as this host. Ask those who run it whether its key has changed; only then change known_hosts.',
  },
  {
    pattern: /host key is known for|Host key verification failed/i,
    code: 'E_HOST_KEY_UNKNOWN',
    hint: 'Compare the fingerprint of its key with what the machine itself says, then add it to known_hosts (ssh-keyscan), or a line @cert-authority; or give --accept-new once.',
  },
  {
    pattern:
      /Permission denied \(|Too many authentication failures|No more authentication methods|authentication (methods )?failed/i,
    code: 'E_SSH_AUTH',
    hint: 'Check the user and the key, or the ticket of Kerberos (klist). Nothing is asked while ssh connects: keys with a passphrase belong into an ssh-agent, passwords need packferry\'s own client (without --ssh-command). To see more: --ssh-command "ssh -v".',
  },
  {
    pattern:
      /configuration option|Bad owner or permissions|unknown option|illegal option|^usage:|Unsupported|No user exists for|Can't open user config/im,
    code: 'E_SSH_CONFIG',
    hint: 'Mend ssh_config or --ssh-command. To see what ssh makes of it: ssh -G HOST.',
  },
];

const hintOfOthers =
  'Does "ssh HOST true" work by hand, as this user? Look at the network, and at the log of sshd there.';

/** The error for a client that has failed; `words` is what it said, `name` is `ssh://HOST`. */
export function clientFault(name: string, words: string, how: string): PackferryError {
  const { code, hint } = known.find(({ pattern }) => pattern.test(words)) ?? {
    code: 'E_SSH_UNREACHABLE',
    hint: hintOfOthers,
  };
  return new PackferryError(code, `${name}: ${how}; it said: ${plainWords(words)}`, { hint });
}

/** The error for a client that cannot be started. */
export function noClient(program: string, why: string, cause: unknown): PackferryError {
  return new PackferryError('E_SSH_CONFIG', `--ssh-command: ${program} cannot be started: ${why}`, {
    hint: "Name a program in the PATH, or by its path: --ssh-command /usr/bin/ssh. Without the option packferry's own client connects.",
    cause,
  });
}
