import { stat } from 'node:fs/promises';
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
    const hosts = parseHosts(text, given, emit);
    await tellBeside(given, emit);
    return hosts;
  } catch (fault) {
    if (!(fault instanceof PackferryError) || fault.code !== options.code || fault.hint !== undefined)
      throw fault;
    if (await isFolder(given)) throw new PackferryError(fault.code, fault.message, { hint: written });
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
    refuseList(file.value, name);
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
  const first = firstLine(text);
  const what = text.startsWith('$ANSIBLE_VAULT')
    ? 'is encrypted by Ansible Vault'
    : text.startsWith('#!')
      ? 'is a program, and not a list of hosts'
      : first.startsWith('- ')
        ? 'is a list, perhaps of plays, and no inventory'
        : /^plugin\s*:/.test(first)
          ? 'tells a plugin of Ansible where to ask for hosts, and names none'
          : undefined;
  if (what === undefined) return;
  throw new PackferryError('E_HOSTS_INVALID', `${name}: ${what}`, { hint: written });
}

/** What ansible-inventory prints for programs has its groups and hosts in another form. */
function refuseList(value: unknown, name: string): void {
  if (!isMapping(value) || !('_meta' in value)) return;
  throw new PackferryError(
    'E_HOSTS_INVALID',
    `${name}: is what "ansible-inventory --list" prints for programs`,
    {
      hint: 'Have it written out with --yaml, too: ansible-inventory -i INVENTORY --list --yaml --output hosts.yml',
    },
  );
}

/** The first line that says something. */
function firstLine(text: string): string {
  const lines = text.replace(/^\uFEFF/, '').split(/\r?\n/);
  return lines.find((line) => !/^(?:---)?\s*(?:$|[#;])/.test(line)) ?? '';
}

/** What only Ansible can read. */
const written =
  'Have Ansible write it out: ansible-inventory -i INVENTORY --list --yaml --output hosts.yml. Passwords are then in it, which are not read.';

async function isFolder(place: string): Promise<boolean> {
  return stat(place).then(
    (stats) => stats.isDirectory(),
    () => false,
  );
}

/** Where Ansible keeps variables beside an inventory, they may say how hosts are reached. */
async function tellBeside(file: string, emit: Emit): Promise<void> {
  const places = ['group_vars', 'host_vars'].map((name) => path.join(path.dirname(file), name));
  const found = await Promise.all(places.map(async (place) => ((await isFolder(place)) ? [place] : [])));
  if (found.flat().length === 0) return;
  const message = `${someOf(found.flat())}: variables there are not read; if they say how hosts are reached, have Ansible write the inventory out: ansible-inventory -i ${file} --list --yaml --output hosts.yml`;
  emit({ type: 'note', level: 'warning', message });
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
