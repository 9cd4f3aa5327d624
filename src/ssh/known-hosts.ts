import { createReadStream } from 'node:fs';
import { collect } from '../core/collect.ts';
import { messageOf, PackferryError, systemCodeOf } from '../core/errors.ts';
import type { Emit } from '../core/events.ts';
import { limits } from '../core/limits.ts';
import { parseKnownHostsLine, type KnownHostsLine, type Marker } from './known-hosts-line.ts';
import type { HostKey } from './host-key.ts';

/** The host that a key is looked up for. */
export interface HostName {
  /** In lower case, without brackets; or the alias of HostKeyAlias. */
  readonly name: string;
  /** Undefined with an alias, which stands for host and port. */
  readonly port: number | undefined;
}

const usualPort = 22;

/** How a host is written in known_hosts: the port only where it is not the usual one. */
export function knownHostsName({ name, port = usualPort }: HostName): string {
  return port === usualPort ? name : `[${name}]:${port}`;
}

/** What the files say of a key that a host has shown. */
export type HostKeyVerdict =
  | { readonly verdict: 'known' }
  /** No line is about the host. */
  | { readonly verdict: 'unknown' }
  /** Lines are about the host, with other keys. `place` is the first, `file:line`. */
  | { readonly verdict: 'changed'; readonly place: string; readonly types: readonly string[] }
  | { readonly verdict: 'revoked'; readonly place: string };

interface PlacedLine extends KnownHostsLine {
  readonly place: string;
}

/** The hosts that are known, from all files together. */
export class KnownHosts {
  readonly #lines: readonly PlacedLine[];

  constructor(lines: readonly PlacedLine[]) {
    this.#lines = lines;
  }

  /** The types of the keys that a host is known by; with another port, of those that its usual one is known by. */
  typesOf(host: HostName): ReadonlySet<string> {
    const own = this.#plainLinesOf(host);
    const lines = own.length > 0 ? own : this.#plainLinesOf({ ...host, port: undefined });
    return new Set(lines.map(({ type }) => type));
  }

  /**
   * Judges a key. A revoked key is never accepted, whatever other lines say. Other keys of the host make it `changed`
   * also where they are of other types: those were asked for first, so that the true host would have shown one of them.
   */
  judge(host: HostName, key: HostKey): HostKeyVerdict {
    const isShown = (line: PlacedLine): boolean => line.blob.equals(key.blob);
    const revoked = this.placeOf('revoked', host, key.blob);
    if (revoked !== undefined) return { verdict: 'revoked', place: revoked };

    const own = this.#plainLinesOf(host);
    if (own.some(isShown)) return { verdict: 'known' };
    // As OpenSSH does: the key of a host may serve another port of it, if that is not known by another one.
    const [first] = own;
    if (first === undefined) {
      if (this.#plainLinesOf({ ...host, port: undefined }).some(isShown)) return { verdict: 'known' };
      return { verdict: 'unknown' };
    }
    return { verdict: 'changed', place: first.place, types: [...new Set(own.map(({ type }) => type))] };
  }

  /** Does any line with this marker speak of the host? Its usual port serves all of them. */
  isMarked(marker: Marker, host: HostName): boolean {
    return this.#markedLinesOf(marker, host).length > 0;
  }

  /** Where a key is revoked for the host, or may certify it: `file:line`. */
  placeOf(marker: Marker, host: HostName, blob: Buffer): string | undefined {
    return this.#markedLinesOf(marker, host).find((line) => line.blob.equals(blob))?.place;
  }

  #markedLinesOf(wanted: Marker, host: HostName): PlacedLine[] {
    return this.#linesOf([knownHostsName(host), host.name]).filter(({ marker }) => marker === wanted);
  }

  #plainLinesOf(host: HostName): PlacedLine[] {
    return this.#linesOf([knownHostsName(host)]).filter(({ marker }) => marker === undefined);
  }

  #linesOf(names: readonly string[]): PlacedLine[] {
    return this.#lines.filter((line) => names.some((name) => line.isOf(name)));
  }
}

/**
 * Reads known_hosts files; those that are not there are left out. A line with a mistake is skipped and told, for it can
 * only lack; one that would revoke a key is an error. Throws `E_SSH_CONFIG`, also for files that cannot be read: they may
 * revoke keys.
 */
export async function readKnownHosts(
  files: readonly string[],
  revokedFiles: readonly string[],
  emit: Emit,
): Promise<KnownHosts> {
  const lines: PlacedLine[] = [];
  for (const file of files) {
    for (const [index, text] of (await linesOf(file, false)).entries()) {
      const line = parseKnownHostsLine(text);
      if (line === undefined) continue;
      const place = `${file}:${index + 1}`;
      if (typeof line !== 'string') lines.push({ ...line, place });
      else if (text.trimStart().startsWith('@revoked')) throw unreadable(place, line);
      else emit({ type: 'note', level: 'warning', message: `${place}: line skipped: ${line}` });
    }
  }
  for (const file of revokedFiles) {
    for (const [index, text] of (await linesOf(file, true)).entries()) {
      if (text.trim() === '' || text.startsWith('#')) continue;
      const place = `${file}:${index + 1}`;
      const line = parseKnownHostsLine(`@revoked * ${text.trim()}`);
      if (line === undefined || typeof line === 'string')
        throw unreadable(
          place,
          `${line ?? 'empty'}; lists of revoked keys in binary form (KRL) are not read`,
        );
      lines.push({ ...line, place });
    }
  }
  return new KnownHosts(lines);
}

async function linesOf(file: string, isNeeded: boolean): Promise<string[]> {
  try {
    const bytes = await collect(createReadStream(file), limits.knownHosts, file);
    return bytes.toString('utf8').split('\n');
  } catch (fault) {
    const isAbsent = ['ENOENT', 'ENOTDIR'].includes(systemCodeOf(fault) ?? '');
    if (isAbsent && !isNeeded) return [];
    throw unreadable(file, messageOf(fault), fault);
  }
}

function unreadable(place: string, why: string, cause?: unknown): PackferryError {
  return new PackferryError('E_SSH_CONFIG', `${place}: ${why}`, {
    hint: 'Mend the file: it may say which keys of hosts are revoked, so that it cannot be passed over.',
    cause,
  });
}
