import { Buffer } from 'node:buffer';
import { PackferryError } from './errors.ts';
import { holdsAddress, isLoopback, parseAddressRange, portOf } from './hosts.ts';
import { noteAccount, noteSecret } from './redact.ts';

/** An HTTP proxy. Its password is in `authorization` only, which nobody prints. */
export interface Proxy {
  /** Scheme, host and port. */
  readonly origin: string;
  /** Host and port, for messages. */
  readonly host: string;
  /** What to send to the proxy as `Proxy-Authorization`. */
  readonly authorization?: string;
}

/** Which requests go through which proxy. */
export interface ProxySettings {
  readonly http?: Proxy;
  readonly https?: Proxy;
  /** As NO_PROXY has it. */
  readonly except: string;
}

/** How the network is reached from here, and with how much patience; what is absent is left to whoever asks. */
export interface Network {
  readonly proxy: ProxySettings;
  /** Certificate authorities in PEM form, trusted everywhere besides the usual ones. */
  readonly ca: readonly string[];
  /** Repetitions after the first try. */
  readonly retries?: number;
  /** Milliseconds that one wait may take. */
  readonly maxWait?: number;
  /** Milliseconds without an answer, and without a byte inside one. */
  readonly timeouts?: { readonly headers: number; readonly body: number };
}

/** No proxy at all. */
export const direct: ProxySettings = { except: '' };

/**
 * Reads HTTP_PROXY, HTTPS_PROXY and NO_PROXY. In small letters they win, as curl and undici have it. Throws `E_USAGE`
 * for a proxy that is no http:// or https:// address.
 */
export function readProxyVariables(environment: Readonly<Record<string, string | undefined>>): ProxySettings {
  const valueOf = (name: string): string => environment[name.toLowerCase()] ?? environment[name] ?? '';
  const proxyOf = (name: string): Proxy | undefined => {
    const value = valueOf(name).trim();
    return value === '' ? undefined : parseProxy(value, name);
  };
  const [http, https] = [proxyOf('HTTP_PROXY'), proxyOf('HTTPS_PROXY')];
  return {
    ...(http === undefined ? {} : { http }),
    ...(https === undefined ? {} : { https }),
    except: valueOf('NO_PROXY'),
  };
}

/**
 * The proxy for an address. The rules are those of Go (golang.org/x/net/http/httpproxy), hence of docker, podman and
 * skopeo: this very machine is never behind a proxy; NO_PROXY holds names (they cover what is below them; with a dot in
 * front only that), IP addresses, ranges of these as 10.0.0.0/8, each with a port or without, and `*` for everything.
 */
export function proxyFor(target: URL, { http, https, except }: ProxySettings): Proxy | undefined {
  const proxy = target.protocol === 'https:' ? https : http;
  if (proxy === undefined || isLoopback(target.hostname)) return undefined;
  const entries = except.split(/[\s,]+/).filter((entry) => entry !== '');
  return entries.some((entry) => isExcepted(target, entry.toLowerCase())) ? undefined : proxy;
}

function isExcepted(target: URL, entry: string): boolean {
  if (entry === '*') return true;
  const whole = parseAddressRange(entry);
  const [, name = entry, port] = (whole === undefined ? /^(.*):([0-9]+)$/.exec(entry) : null) ?? [];
  if (port !== undefined && port !== portOf(target)) return false;
  const range = whole ?? parseAddressRange(name);
  if (range !== undefined) {
    const address = parseAddressRange(target.hostname);
    return address !== undefined && holdsAddress(range, address);
  }
  const below = name.replace(/^\*?\.?/, '.');
  const onlyBelow = /^(\*?\.)/.test(name);
  return target.hostname.endsWith(below) || (!onlyBelow && target.hostname === name);
}

function parseProxy(value: string, name: string): Proxy {
  const text = /^[a-z][a-z0-9+.-]*:\/\//i.test(value) ? value : `http://${value}`;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol)) {
    // The value is not repeated: it may hold a password.
    throw new PackferryError('E_USAGE', `the variable ${name} names no proxy that can be used`, {
      hint: 'Write it as http://[USER:PASSWORD@]HOST:PORT. Only proxies for HTTP are supported, no SOCKS.',
    });
  }
  const { origin, host, username, password } = url;
  if (username === '' && password === '') return { origin, host };
  noteSecret(password);
  noteAccount(decode(username), decode(password));
  const account = `${decode(username)}:${decode(password)}`;
  return { origin, host, authorization: `Basic ${Buffer.from(account, 'utf8').toString('base64')}` };
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    // A % that stands for itself.
    return text;
  }
}
