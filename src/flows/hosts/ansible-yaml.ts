import { isMapping } from '../../core/mapping.ts';
import { nearestName } from '../../core/nearest.ts';
import { formatPath, type YamlFile, type YamlPath } from '../../core/yaml.ts';
import type { DraftGroup, HostsDraft, Place } from './draft.ts';
import { withoutPort } from './port.ts';
import { readVariable, type HostSettings } from './settings.ts';

const keys = ['hosts', 'vars', 'children'] as const;

/** Reads an Ansible inventory in YAML: groups with `hosts`, `vars` and `children`. Notes what it finds, mistakes too. */
export function readAnsibleYaml(file: YamlFile, draft: HostsDraft): void {
  readGroups(file.value, [], undefined, file, draft);
}

function readGroups(
  value: unknown,
  path: YamlPath,
  parent: DraftGroup | undefined,
  file: YamlFile,
  draft: HostsDraft,
): void {
  for (const [name, content] of entriesOf(value, path, 'groups', file, draft)) {
    const place = [...path, name];
    const at: Place = () => file.locateKey(place);
    const group = draft.define(name, at);
    if (group === undefined) continue;
    if (parent !== undefined) draft.addChild(parent, name, at);
    readGroup(content, place, group, file, draft);
  }
}

function readGroup(
  value: unknown,
  path: YamlPath,
  group: DraftGroup,
  file: YamlFile,
  draft: HostsDraft,
): void {
  for (const [key, content] of entriesOf(value, path, 'hosts, vars or children', file, draft)) {
    const place = [...path, key];
    switch (key) {
      case 'hosts':
        for (const [name, own] of entriesOf(content, place, 'hosts', file, draft)) {
          const host = [...place, name];
          const { name: hostName, port } = withoutPort(name);
          const said = readVariables(own, host, file, draft);
          const settings = port === undefined ? said : { port, ...said };
          draft.addHosts(hostName, group, () => file.locateKey(host), settings);
        }
        break;
      case 'vars':
        group.settings = { ...group.settings, ...readVariables(content, place, file, draft) };
        break;
      case 'children':
        readGroups(content, place, group, file, draft);
        break;
      default: {
        const near = nearestName(key, keys);
        const guess = near === undefined ? '' : `; did you mean ${JSON.stringify(near)}?`;
        draft.mistake(
          () => file.locateKey(place),
          `unknown key in a group${guess}`,
          `Known here: ${keys.join(', ')}.`,
        );
      }
    }
  }
}

function readVariables(value: unknown, path: YamlPath, file: YamlFile, draft: HostsDraft): HostSettings {
  let settings: HostSettings = {};
  for (const [name, content] of entriesOf(value, path, 'variables', file, draft))
    settings = {
      ...settings,
      ...draft.take(readVariable(name, content), name, () => file.locateKey([...path, name])),
    };
  return settings;
}

/** The entries of a mapping; none where nothing stands. A single name stands for itself, as in Ansible. */
function entriesOf(
  value: unknown,
  path: YamlPath,
  what: string,
  file: YamlFile,
  draft: HostsDraft,
): readonly (readonly [string, unknown])[] {
  if (value === null || value === undefined) return [];
  if (typeof value === 'string' && path.at(-1) === 'hosts') return [[value, null]];
  if (isMapping(value)) return merged(value);
  const name = path.length === 0 ? 'the file' : formatPath(path.slice(-1));
  draft.mistake(() => file.locate(path), `${name} must be a mapping with ${what}`);
  return [];
}

/** With what a merge key (`<<: *name`) brings: what stands in the mapping itself counts for more, and of several the first. */
function merged(value: object): readonly (readonly [string, unknown])[] {
  const entries = new Map<string, unknown>();
  for (const [name, content] of Object.entries(value)) {
    if (name !== '<<') continue;
    const others: readonly unknown[] = Array.isArray(content) ? content : [content];
    for (const other of others.filter(isMapping).toReversed())
      for (const [key, own] of merged(other)) entries.set(key, own);
  }
  for (const [name, content] of Object.entries(value)) if (name !== '<<') entries.set(name, content);
  return [...entries];
}
