import { messageOf, PackferryError, systemCodeOf } from '../core/errors.ts';
import { connectionReasons } from '../core/http-faults.ts';
import { plainWords } from '../core/plain-words.ts';

/** The error for a host that cannot be reached, or was lost. `name` is `ssh://HOST`. */
export function unreachable(name: string, why: string, hint: string, cause?: unknown): PackferryError {
  return new PackferryError('E_SSH_UNREACHABLE', `${name}: ${why}`, { hint, cause });
}

/** The error for a connection that broke after it had stood. */
export function connectionLost(name: string, cause?: unknown): PackferryError {
  const why = cause === undefined ? 'the host closed it' : plainWords(messageOf(cause));
  return unreachable(
    name,
    `the SSH connection was lost: ${why}`,
    'Look at the network and at the log of sshd there, then run again: what was finished is kept.',
    cause,
  );
}

/** Gives a fault of ssh2 before the connection stands its code and its hint. */
export function connectFault(name: string, fault: Error): PackferryError {
  const code = systemCodeOf(fault);
  const words = plainWords(fault.message);
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN')
    return unreachable(name, `no such host: ${words}`, 'Check its name, or give its address.', fault);
  if (code !== undefined)
    return unreachable(
      name,
      inWords(code, words),
      'Is the host up, does sshd listen there, is the port right?',
      fault,
    );
  if (/no matching|handshake failed/i.test(words)) {
    return unreachable(
      name,
      `no common ground with this SSH server: ${words}`,
      /key exchange/i.test(words)
        ? `It takes only key exchange that the client in packferry does not know, perhaps post-quantum. ${letSsh}`
        : `It needs a key of type Ed25519, ECDSA or RSA with SHA-2, and a cipher like aes128-gcm or aes128-ctr. ${letSsh}`,
      fault,
    );
  }
  return unreachable(name, words, 'Is that an SSH server? Look at its log.', fault);
}

/** A fault of the network as people understand it, with its code for those who search for that. */
function inWords(code: string, words: string): string {
  const known = connectionReasons[code];
  return known === undefined ? words : `${known} (${code})`;
}

/** The way for what the client in packferry cannot do. */
const letSsh = 'Or let ssh itself connect: --ssh-command ssh.';

/** The error for a user whom the host does not let in; `account` says what was tried. */
export function notLetIn(name: string, account: string, canAsk: boolean): PackferryError {
  const more = canAsk
    ? ''
    : ' Passwords and passphrases are asked for on a terminal only; a password may also come from --ssh-password-file.';
  const isBeyond = /\bgssapi|security key/.test(account);
  const other = isBeyond ? ` For Kerberos and security keys let ssh itself connect: --ssh-command ssh.` : '';
  return new PackferryError('E_SSH_AUTH', `${name}: not let in: ${account}`, {
    hint: `Check the user and the key: --identity FILE, IdentityFile in ssh_config, or ssh-add for the agent.${more}${other}`,
  });
}
