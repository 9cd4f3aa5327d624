import { createHmac, timingSafeEqual } from 'node:crypto';
import { decodeBase64 } from '../core/base64.ts';
import { messageOf, PackferryError } from '../core/errors.ts';
import { matchesPatternList, parsePatternList } from '../core/pattern-list.ts';
import type { Fail } from '../core/ssh-keys/wire.ts';
import { plainKeyOf } from './host-certificate.ts';
import { keyTypeOf, type HostKey } from './host-key.ts';

export type Marker = 'revoked' | 'cert-authority';

/** One line of a known_hosts file (sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT"). */
export interface KnownHostsLine extends HostKey {
  readonly marker: Marker | undefined;
  /** Is the line about this host, written as `host` or `[host]:port`, in lower case? */
  readonly isOf: (name: string) => boolean;
}

/** Reads a line: undefined for blank lines and comments, a text for what is wrong with it. */
export function parseKnownHostsLine(text: string): KnownHostsLine | string | undefined {
  const line = text.trim();
  if (line === '' || line.startsWith('#')) return undefined;
  const words = line.split(/[ \t]+/);
  const marker = words[0]?.startsWith('@') === true ? words.shift() : undefined;
  if (marker !== undefined && marker !== '@revoked' && marker !== '@cert-authority')
    return `unknown marker ${JSON.stringify(marker)}`;
  const [hosts = '', type = '', base64 = ''] = words;
  if (base64 === '') return 'a host, a type of key and a key are wanted';
  const blob = decodeBase64(base64);
  if (blob === undefined) return 'the key is no base64';
  if (keyTypeOf(blob) !== type) return `the key is no ${JSON.stringify(type)}`;
  const isOf = hosts.startsWith('|') ? hashedName(hosts) : namePatterns(hosts);
  if (isOf === undefined) return 'no names of hosts';
  if (marker !== '@revoked')
    return { marker: marker === undefined ? undefined : 'cert-authority', type, blob, isOf };
  // As OpenSSH does: who revokes a certificate revokes its key.
  try {
    return { marker: 'revoked', type, blob: plainKeyOf(blob, malformed), isOf };
  } catch (fault) {
    return messageOf(fault);
  }
}

const malformed: Fail = (reason) =>
  new PackferryError('E_SSH_CONFIG', `the certificate is malformed: ${reason}`);

function namePatterns(hosts: string): ((name: string) => boolean) | undefined {
  const patterns = parsePatternList(hosts.toLowerCase());
  return patterns === undefined ? undefined : (name) => matchesPatternList(patterns, name);
}

/** `|1|SALT|HASH`: the HMAC-SHA1 of the name under a salt; the names of a file cannot be read off it. */
function hashedName(hosts: string): ((name: string) => boolean) | undefined {
  const [, salt = '', hash = ''] = /^\|1\|([^|]+)\|([^|]+)$/.exec(hosts) ?? [];
  const [key, wanted] = [decodeBase64(salt), decodeBase64(hash)];
  if (key?.length !== sha1Length || wanted?.length !== sha1Length) return undefined;
  return (name) => timingSafeEqual(hashName(name, key), wanted);
}

const sha1Length = 20;

function hashName(name: string, salt: Buffer): Buffer {
  return createHmac('sha1', salt).update(name).digest();
}

/** The name as a hashed file has it. `salt`: 20 random bytes. */
export function hashedNameOf(name: string, salt: Buffer): string {
  return `|1|${salt.toString('base64')}|${hashName(name, salt).toString('base64')}`;
}
