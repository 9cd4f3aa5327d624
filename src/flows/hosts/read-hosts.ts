import path from 'node:path';
import { PackferryError } from '../../core/errors.ts';
import type { Emit } from '../../core/events.ts';
import { limits } from '../../core/limits.ts';
import { isMapping } from '../../core/mapping.ts';
import { someOf } from '../../core/some-of.ts';
import { parseYaml } from '../../core/yaml.ts';
import { decodeText, readFile } from '../../pack/read-file.ts';
import { nearestSibling } from '../../pack/siblings.ts';
import { readAnsibleYaml } from './ansible-yaml.ts';
import { HostsDraft } from './draft.ts';
import { readIni } from './ini.ts';
import { readOwnYaml } from './own-yaml.ts';
import { resolveHosts, type Host } from './resolve.ts';

/**
 * Reads a file of hosts: packferry's own, or an Ansible inventory in INI or YAML; which one, its content tells. Passwords in
 * it are passed over, and told. Throws `E_HOSTS_UNREADABLE`, or `E_HOSTS_INVALID` with every mistake at once in `.errors`,
 * each with file, line and column.
 */
export async function readHosts(given: string, emit: Emit): Promise<readonly Host[]> {
  const options = { code: 'E_HOSTS_UNREADABLE', maxBytes: limits.hostsFile } as const;
  try {
    const text = decodeText(await readFile(given, options), given, options.code);
    return parseHosts(text, given, emit);
  } catch (fault) {
    if (!(fault instanceof PackferryError) || fault.code !== options.code || fault.hint !== undefined)
      throw fault;
    const near = await nearestSibling(given);
    const isNear = near !== undefined && path.resolve(near) !== path.resolve(given);
    const hint = isNear ? `Did you mean ${near}?` : 'Name a file of hosts: YAML, or an inventory of Ansible.';
    throw new PackferryError(fault.code, fault.message, { hint, cause: fault.cause });
  }
}

/** The same for a text; `name` is the file's, for messages. */
export function parseHosts(text: string, name: string, emit: Emit): readonly Host[] {
  const draft = new HostsDraft(name);
  refuseOther(text, name);
  if (looksLikeYaml(text)) {
    const file = parseYaml(text, { name, code: 'E_HOSTS_INVALID', maxBytes: limits.hostsFile });
    if (isMapping(file.value) && isOwn(file.value)) readOwnYaml(file, draft);
    else readAnsibleYaml(file, draft);
  } else {
    readIni(text, draft);
  }
  const hosts = resolveHosts(draft);
  draft.throwMistakes();
  if (hosts.length === 0)
    throw new PackferryError('E_HOSTS_INVALID', `${name}: no host in it`, { hint: forms });
  tellPassedOver(draft, emit);
  return hosts;
}

const forms =
  'There are three forms: packferry\'s own ("schema: packferry.hosts/v1"), and inventories of Ansible in INI and in YAML.';

function refuseOther(text: string, name: string): void {
  const what = text.startsWith('$ANSIBLE_VAULT')
    ? 'is encrypted by Ansible Vault'
    : text.startsWith('#!')
      ? 'is a program, and not a list of hosts'
      : undefined;
  if (what === undefined) return;
  throw new PackferryError('E_HOSTS_INVALID', `${name}: ${what}`, {
    hint: 'Have Ansible write it out, without secrets: ansible-inventory --list --yaml --output hosts.yml',
  });
}

/** Does the first line that says something start a YAML document? */
function looksLikeYaml(text: string): boolean {
  const lines = text.replace(/^\uFEFF/, '').split(/\r?\n/);
  const first = lines.find((line) => line.trim() !== '' && !/^\s*[#;]/.test(line)) ?? '';
  return /^(?:---|%YAML|\{)/.test(first) || /^\s*(?:"[^"]*"|'[^']*'|[^\s:=[\]]+)\s*:(?:\s|$)/.test(first);
}

/** Keys that only our own form has at its top; a schema that is missing is told then. */
function isOwn(value: object): boolean {
  const keys = Object.keys(value);
  const own = ['defaults', 'hosts', 'groups'];
  return keys.includes('schema') || (keys.length > 0 && keys.every((key) => own.includes(key)));
}

function tellPassedOver({ file, secrets, ofSsh }: HostsDraft, emit: Emit): void {
  if (secrets.size > 0) {
    const message = `${file}: passwords and other secrets are not read from it (${someOf([...secrets])}): use keys, an ssh-agent, or --ssh-password-file`;
    emit({ type: 'note', level: 'warning', message });
  }
  if (ofSsh.size > 0) {
    const message = `${file}: ${someOf([...ofSsh])}: how SSH connects is taken from ssh_config and --identity, not from here`;
    emit({ type: 'note', level: 'warning', message });
  }
}
