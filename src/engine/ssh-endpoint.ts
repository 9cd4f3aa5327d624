import { PackferryError } from '../core/errors.ts';
import { parseDestination, type Destination } from '../ssh/destination.ts';

/** An engine on another machine, as `ssh://[USER@]HOST[:PORT][?engine=docker|podman][&as=USER][&sudo][&socket=/PATH]`. */
export interface SshEndpoint {
  /** As it was written, for messages: there is no place in it for a password. */
  readonly name: string;
  readonly destination: Destination;
  /** Which engine; Docker before Podman where it is not said. */
  readonly engine: 'docker' | 'podman' | undefined;
  /** The user there whose engine is meant, by sudo; root when only `sudo` was written. */
  readonly as: string | undefined;
  readonly socket: string | undefined;
  /** A key file that goes with it, tried first. */
  readonly identity?: string;
}

/** Reads what follows `ssh:`. Throws `E_ENDPOINT_INVALID`. */
export function parseSshEndpoint(rest: string): SshEndpoint {
  const [, where = '', query = ''] = /^\/\/([^/?#]+)\/?(?:\?([^#]*))?$/s.exec(rest) ?? [];
  const destination = parseDestination(where);
  // Wherever it ends: what may be one is not repeated.
  if (/^[^@]*:[^@]*@/s.test(rest.replace(/^\/\//, '')))
    throw invalid('ssh://...', 'a password has no place in it');
  const name = `ssh:${rest}`;
  if (destination === undefined) throw invalid(name, 'no host of SSH');
  const values = new Map<string, string>();
  for (const part of query === '' ? [] : query.split('&')) {
    const [key = '', value = ''] = part.split('=', 2).map((text) => decoded(text, name));
    if (!settings.includes(key) || values.has(key))
      throw invalid(name, `${JSON.stringify(key)} is unknown or given twice`);
    values.set(key, value);
  }
  const [engine, as, sudo, socket] = settings.map((key) => values.get(key));
  if (engine !== undefined && engine !== 'docker' && engine !== 'podman')
    throw invalid(name, `there is no engine ${JSON.stringify(engine)}`);
  if (as !== undefined && !/^[A-Za-z_][A-Za-z0-9_.-]{0,63}\$?$/.test(as))
    throw invalid(name, 'as names no user');
  if (sudo !== undefined && sudo !== '') throw invalid(name, 'sudo takes no value; the user is as=USER');
  // Line breaks and their like cannot be sent; a colon would end the address of a socket.
  if (socket !== undefined && !/^\/[^\p{Cc}:]{1,255}$/u.test(socket))
    throw invalid(name, 'socket names no absolute path');
  return { name, destination, engine, as: as ?? (sudo === undefined ? undefined : 'root'), socket };
}

const settings: readonly string[] = ['engine', 'as', 'sudo', 'socket'];

function decoded(text: string, name: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw invalid(name, `${JSON.stringify(text)} has a "%" that means nothing`);
  }
}

function invalid(name: string, why: string): PackferryError {
  return new PackferryError('E_ENDPOINT_INVALID', `${JSON.stringify(name)}: ${why}`, {
    hint: 'Write ssh://[USER@]HOST[:PORT], then ?engine=docker or ?engine=podman, &as=USER or &sudo, &socket=/PATH.',
  });
}
