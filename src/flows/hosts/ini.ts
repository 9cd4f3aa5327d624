import type { Position } from '../../core/yaml.ts';
import { allGroup, type DraftGroup, type HostsDraft, type Place } from './draft.ts';
import { withoutPort } from './port.ts';
import { readVariable, type HostSettings } from './settings.ts';
import { splitWords, type Word } from './ini-words.ts';

type Section = { readonly kind: 'hosts' | 'vars' | 'children'; readonly group: DraftGroup } | undefined;

/** An address of IPv6 with a port starts with a bracket, too. */
const addressWithPort = /^\[[0-9A-Fa-f:.]+\]:[0-9]+(?:\s|$)/;

const header = /^\[([^\]]*)\]\s*(?:[#;].*)?$/;

/**
 * Reads an Ansible inventory in INI form: lines of hosts, `[group]`, `[group:vars]`, `[group:children]`. Unlike Ansible it
 * takes nothing that it does not understand. What is found, mistakes too, is noted in the draft.
 */
export function readIni(text: string, draft: HostsDraft): void {
  const named = new Map<DraftGroup, Place>();
  let section: Section = { kind: 'hosts', group: draft.group(allGroup) };
  for (const [at, whole] of text
    .replace(/^\uFEFF/, '')
    .split(/\r?\n/)
    .entries()) {
    const line = whole.trim();
    if (line === '' || line.startsWith('#') || line.startsWith(';')) continue;
    const column = whole.length - whole.trimStart().length + 1;
    const place = (): Position => ({ line: at + 1, column });
    if (line.startsWith('[') && !addressWithPort.test(line)) section = sectionOf(line, place, draft, named);
    else if (section?.kind === 'vars')
      section.group.settings = { ...section.group.settings, ...readLine(line, place, draft) };
    else if (section?.kind === 'children') readChild(line, place, section.group, draft);
    else if (section !== undefined) readHost(line, place, section.group, draft);
  }
  for (const [group, place] of named)
    if (!group.isDefined)
      draft.mistake(place, `there is no group ${group.name}`, `Write [${group.name}] somewhere.`);
}

function sectionOf(line: string, at: Place, draft: HostsDraft, named: Map<DraftGroup, Place>): Section {
  const [, inside] = header.exec(line) ?? [];
  const [name = '', kind = 'hosts', ...more] = (inside ?? '').split(':');
  if (inside === undefined || more.length > 0 || !['hosts', 'vars', 'children'].includes(kind)) {
    draft.mistake(at, 'no section: there are [GROUP], [GROUP:vars] and [GROUP:children]');
    return undefined;
  }
  if (kind === 'vars') {
    const known = draft.groups.get(name) ?? undefined;
    const group = known ?? draft.define(name, at);
    if (group === undefined) return undefined;
    // Its own section may follow.
    if (known === undefined) group.isDefined = false;
    if (!group.isDefined) named.set(group, at);
    return { kind, group };
  }
  const group = draft.define(name, at);
  return group === undefined ? undefined : { kind: kind === 'children' ? kind : 'hosts', group };
}

function readChild(line: string, at: Place, group: DraftGroup, draft: HostsDraft): void {
  const [word, ...more] = splitWords(line);
  if (word === undefined || more.length > 0 || word.isOpen)
    draft.mistake(at, 'one name of a group stands in each line here');
  else draft.addChild(group, word.text, at);
}

/** `name = value`; the value goes to the end of the line. */
function readLine(line: string, at: Place, draft: HostsDraft): HostSettings {
  const [, name = '', value = ''] = /^([^\s=]+)\s*=\s*(.*)$/s.exec(line) ?? [];
  if (name === '') {
    draft.mistake(at, 'no variable: write it as NAME=VALUE');
    return {};
  }
  const [, quoted] = /^(?:"([^"\\]*)"|'[^'\\]*')$/.exec(value) ?? [];
  const plain = quoted ?? (/^'[^'\\]*'$/.test(value) ? value.slice(1, -1) : value);
  return draft.take(readVariable(name, plain), name, at);
}

function readHost(line: string, at: Place, group: DraftGroup, draft: HostsDraft): void {
  const [first, ...words] = splitWords(line);
  if (first === undefined) return;
  const placeOf =
    ({ column }: Word): Place =>
    () => ({ line: at().line, column: at().column + column });
  let settings: HostSettings = {};
  const open = [first, ...words].find(({ isOpen }) => isOpen);
  if (open !== undefined) {
    draft.mistake(placeOf(open), 'a quote is not closed');
    return;
  }
  for (const word of words) {
    const [, name = '', value = ''] = /^([^=]+)=(.*)$/s.exec(word.text) ?? [];
    if (name === '')
      draft.mistake(placeOf(word), 'no variable: write it as NAME=VALUE, with quotes around spaces');
    else settings = { ...settings, ...draft.take(readVariable(name, value), name, placeOf(word)) };
  }
  const { name, port } = withoutPort(first.text);
  draft.addHosts(name, group, at, port === undefined ? settings : { port, ...settings });
}
