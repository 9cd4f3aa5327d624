import { isPort } from './settings.ts';

/** A name of hosts with the port that may stand behind it. */
export interface NameAndPort {
  readonly name: string;
  readonly port?: number;
}

/**
 * Takes `name:2222` and `[2001:db8::2]:2222` apart. Addresses of IPv6 without brackets have no port; ranges have their colons in
 * brackets.
 */
export function withoutPort(text: string): NameAndPort {
  const [, address] = /^\[([0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*)\](?::[0-9]+)?$/.exec(text) ?? [];
  const [, name = '', port = ''] = /^((?:[^:[\]]|\[[^[\]]*\])+):([0-9]+)$/.exec(text) ?? [];
  return isPort(port) ? { name: address ?? name, port: Number(port) } : { name: address ?? text };
}
