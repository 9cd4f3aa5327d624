/** Is this host, as `URL.hostname` writes it, this very machine? Plain HTTP to it shows nothing to others. */
export function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127(\.\d+){3}$/.test(hostname);
}

/** The port of an address, also where it is the usual one and not written. */
export function portOf({ port, protocol }: Pick<URL, 'port' | 'protocol'>): string {
  if (port !== '') return port;
  return protocol === 'https:' ? '443' : '80';
}

/** A range of IP addresses: those that begin with the first `bits` bits of `address`. */
export interface AddressRange {
  readonly address: bigint;
  readonly version: 4 | 6;
  readonly bits: number;
}

/** Reads an IP address, or a range of them as `10.0.0.0/8`; undefined for anything else, such as a name. */
export function parseAddressRange(text: string): AddressRange | undefined {
  const [, written = '', suffix] = /^([^/]*)(?:\/([0-9]{1,3}))?$/.exec(text) ?? [];
  const version = written.includes(':') ? 6 : 4;
  const address = version === 6 ? parseIpv6(written) : parseIpv4(written);
  const width = version === 6 ? 128 : 32;
  const bits = suffix === undefined ? width : Number(suffix);
  return address === undefined || bits > width ? undefined : { address, version, bits };
}

/** Does the range hold all addresses of the other one? */
export function holdsAddress(range: AddressRange, address: AddressRange): boolean {
  if (range.version !== address.version || range.bits > address.bits) return false;
  const shift = BigInt((range.version === 6 ? 128 : 32) - range.bits);
  return range.address >> shift === address.address >> shift;
}

function parseIpv4(text: string): bigint | undefined {
  if (!/^[0-9]{1,3}(\.[0-9]{1,3}){3}$/.test(text)) return undefined;
  const parts = text.split('.').map(Number);
  if (parts.some((part) => part > 255)) return undefined;
  return parts.reduce((sum, part) => sum * 256n + BigInt(part), 0n);
}

/** With or without brackets. The URL parser knows every way to write one, and has one way to print it. */
function parseIpv6(text: string): bigint | undefined {
  const address = `http://[${text.replace(/^\[|\]$/g, '')}]`;
  if (!URL.canParse(address)) return undefined;
  const [head = '', tail] = new URL(address).hostname.slice(1, -1).split('::');
  const groupsOf = (part = ''): string[] => (part === '' ? [] : part.split(':'));
  const [first, last] = [groupsOf(head), groupsOf(tail)];
  const zeros = Array.from({ length: 8 - first.length - last.length }, () => '0');
  return [...first, ...zeros, ...last].reduce((sum, part) => sum * 65536n + BigInt(`0x${part}`), 0n);
}
