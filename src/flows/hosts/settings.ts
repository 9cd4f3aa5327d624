import { isIP } from 'node:net';
import { limits } from '../../core/limits.ts';

/** How a host, and the engine on it, is reached, as far as its file says. */
export interface HostSettings {
  /** What is connected to, where that is not the host's name. */
  readonly address?: string;
  readonly user?: string;
  readonly port?: number;
  readonly engine?: 'docker' | 'podman';
  /** The user there whose engine is meant. */
  readonly as?: string;
  readonly sudo?: boolean;
  readonly socket?: string;
  /** What Ansible does to get other rights; counts where nothing of the kind is said for packferry. */
  readonly become?: boolean;
  readonly becomeUser?: string;
  readonly becomeMethod?: string;
  /** Of a group: which of several that are equally near counts for more; the highest, 1 where nothing is said. */
  readonly priority?: number;
  /** How Ansible reaches the host. */
  readonly connection?: string;
}

/** What a variable of an inventory is to packferry. */
export type Variable =
  | { readonly kind: 'setting'; readonly settings: HostSettings }
  | { readonly kind: 'mistake'; readonly message: string }
  /** A password or its like, which is not looked at. */
  | { readonly kind: 'secret' }
  /** It says how SSH is to connect, in a way that is taken from ssh_config here. */
  | { readonly kind: 'ssh' }
  | { readonly kind: 'other' };

/** Reads the text of a value; a string says what is wrong with it. */
type Reader = (text: string) => HostSettings | string;

const user = /^[A-Za-z_][A-Za-z0-9_.-]{0,63}\$?$/;
/** Of the user who logs in: domains may have a say in it, as in `DOMAIN\user`. */
const login = /^[^\s@:/?#[\]\p{Cc}-][^\s@:/?#[\]\p{Cc}]{0,63}$/u;

const readers: Readonly<Record<string, Reader>> = {
  address: (text) => (isHostName(text) ? { address: text } : 'is no name or address of a host'),
  user: (text) => (login.test(text) ? { user: text } : 'is no name of a user'),
  port: (text) => (isPort(text) ? { port: Number(text) } : 'is no port from 1 to 65535'),
  engine: (text) =>
    text === 'docker' || text === 'podman' ? { engine: text } : 'is neither docker nor podman',
  as: (text) => (user.test(text) ? { as: text } : 'is no name of a user'),
  sudo: (text) => truth(text, (sudo) => ({ sudo })),
  socket: (text) => (/^\/[^\p{Cc}:]{1,255}$/u.test(text) ? { socket: text } : 'is no absolute path'),
  become: (text) => truth(text, (become) => ({ become })),
  becomeUser: (text) => (user.test(text) ? { becomeUser: text } : 'is no name of a user'),
  becomeMethod: (text) => ({ becomeMethod: text }),
  connection: (text) => ({ connection: text }),
  priority: (text) => (/^-?[0-9]{1,9}$/.test(text) ? { priority: Number(text) } : 'is no whole number'),
};

/** The variables of Ansible that count, and packferry's own. */
const variables: ReadonlyMap<string, string> = new Map([
  ['ansible_host', 'address'],
  ['ansible_ssh_host', 'address'],
  ['ansible_port', 'port'],
  ['ansible_ssh_port', 'port'],
  ['ansible_user', 'user'],
  ['ansible_ssh_user', 'user'],
  ['ansible_become', 'become'],
  ['ansible_become_user', 'becomeUser'],
  ['ansible_become_method', 'becomeMethod'],
  ['ansible_connection', 'connection'],
  ['ansible_group_priority', 'priority'],
  ['packferry_engine', 'engine'],
  ['packferry_as', 'as'],
  ['packferry_sudo', 'sudo'],
  ['packferry_socket', 'socket'],
]);

const secret = /pass(?:word|wd|phrase)?(?:$|_)|secret|token|vault/i;
const ofSsh = /^ansible_(?:ssh_(?:private_key_file|(?:common|extra)_args|args|executable)|private_key_file)$/;

/**
 * Reads a variable of an Ansible inventory. Values of what is not known, and all that may be secret, are not looked at;
 * no message repeats a value of more than a few plain characters.
 */
export function readVariable(name: string, value: unknown): Variable {
  const key = variables.get(name);
  if (key !== undefined) return readSetting(key, value, name);
  if (ofSsh.test(name)) return { kind: 'ssh' };
  if (secret.test(name)) return { kind: 'secret' };
  const near = name.startsWith('packferry_') ? ownVariables.join(', ') : undefined;
  if (near === undefined) return { kind: 'other' };
  return {
    kind: 'mistake',
    message: `unknown variable ${JSON.stringify(name.slice(0, 64))}: there are ${near}`,
  };
}

const ownVariables = [...variables.keys()].filter((name) => name.startsWith('packferry_'));

/** Reads one setting, which is called `name` in messages. */
export function readSetting(key: string, value: unknown, name: string): Variable {
  const mistake = (message: string): Variable => ({ kind: 'mistake', message: `${name} ${message}` });
  if (typeof value !== 'string' && typeof value !== 'number' && typeof value !== 'boolean')
    return mistake('has no value that can be read');
  const text = String(value);
  if (text.startsWith('$ANSIBLE_VAULT')) return mistake('is encrypted by Ansible Vault: write it in plain');
  if (/\{\{|\{%/.test(text))
    return mistake('is a template, which only Ansible can evaluate: write the value');
  const read = readers[key]?.(text) ?? 'is not known';
  if (typeof read !== 'string') return { kind: 'setting', settings: read };
  const shown = /^[\w./-]{1,32}$/.test(text) ? ` (${text})` : '';
  return mistake(`${read}${shown}`);
}

/** What may be connected to: a name or an address, without a port. */
export function isHostName(text: string): boolean {
  if (text.length > limits.hostName || text.startsWith('-')) return false;
  return isIP(text) !== 0 || /^[^\s@:/?#[\]%&!,{}'"\\\p{Cc}\p{Cf}]+$/u.test(text);
}

/** A number of a TCP port. */
export function isPort(text: string): boolean {
  return /^[0-9]{1,5}$/.test(text) && Number(text) >= 1 && Number(text) <= 65_535;
}

/** As Ansible takes it. */
function truth(text: string, settings: (value: boolean) => HostSettings): HostSettings | string {
  if (/^(?:yes|true|on|1|y|t)$/i.test(text)) return settings(true);
  if (/^(?:no|false|off|0|n|f)$/i.test(text)) return settings(false);
  return 'is neither yes nor no';
}
