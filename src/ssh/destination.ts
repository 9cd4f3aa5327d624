import { PackferryError } from '../core/errors.ts';

/** An SSH host as somebody wrote it; what is absent is left to ssh_config. */
export interface Destination {
  readonly host: string;
  readonly user?: string;
  readonly port?: number;
}

const written =
  /^(?:([^@/?#\s]+)@)?(\[[0-9A-Fa-f:.]+(?:%[A-Za-z0-9_.-]+)?\]|[^-@:/?#[\]\s][^@:/?#[\]\s]*)(?::([0-9]{1,5}))?$/;

/**
 * Reads `[USER@]HOST[:PORT]`; an IPv6 address stands in brackets. Undefined for anything else, also for a user with a
 * password: there is no place for one.
 */
export function parseDestination(text: string): Destination | undefined {
  const [, user, host, digits] = written.exec(text) ?? [];
  if (host === undefined || user?.includes(':') === true || user?.startsWith('-') === true) return undefined;
  const port = digits === undefined ? undefined : Number(digits);
  if (port !== undefined && (port < 1 || port > 65_535)) return undefined;
  return {
    host: host.replace(/^\[|\]$/g, ''),
    ...(user === undefined ? {} : { user }),
    ...(port === undefined ? {} : { port }),
  };
}

/** `[USER@]HOST[:PORT]`, without the port that goes without saying. */
export function formatDestination({ host, user, port }: Destination, usualPort = 22): string {
  const at = user === undefined ? '' : `${user}@`;
  return `${at}${host.includes(':') ? `[${host}]` : host}${port === undefined || port === usualPort ? '' : `:${port}`}`;
}

/** Reads ProxyJump: `none`, or hosts in the order in which they are passed, each `[USER@]HOST[:PORT]` or `ssh://...`. Throws `E_SSH_CONFIG`. */
export function parseJumps(text: string): Destination[] {
  if (text.toLowerCase() === 'none') return [];
  return text.split(',').map((item) => {
    const jump = parseDestination(
      item
        .trim()
        .replace(/^ssh:\/\//, '')
        .replace(/\/$/, ''),
    );
    if (jump !== undefined) return jump;
    throw new PackferryError('E_SSH_CONFIG', `ProxyJump ${text}: no list of hosts`, {
      hint: 'Write it as [USER@]HOST[:PORT], with commas between several.',
    });
  });
}
