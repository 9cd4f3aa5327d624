import { mappingOf } from '../../core/mapping.ts';
import type { Position, YamlFile, YamlPath } from '../../core/yaml.ts';
import { sumUp } from '../../core/sum-up.ts';
import { hostSettingKeys, hostsSchema } from '../../schema/hosts.ts';
import { errorsOf } from '../load-manifest-mistakes.ts';
import { schemaMistakes } from '../load-manifest-schema.ts';
import { allGroup, type HostsDraft } from './draft.ts';
import { readSetting, type HostSettings } from './settings.ts';

/** Reads a hosts file of packferry's own form. Throws `E_HOSTS_INVALID` for a wrong shape; notes all else in the draft. */
export function readOwnYaml(file: YamlFile, draft: HostsDraft): void {
  const mistakes = schemaMistakes(hostsSchema, file.value);
  if (mistakes.length > 0)
    throw sumUp('E_HOSTS_INVALID', file.name, errorsOf(file, mistakes, 'E_HOSTS_INVALID'));
  const document = hostsSchema.parse(file.value);
  const settingsAt = (value: unknown, path: YamlPath): HostSettings => {
    let settings: HostSettings = {};
    const given = mappingOf(value);
    for (const key of hostSettingKeys) {
      if (given[key] === undefined) continue;
      const at = (): Position => file.locate([...path, key]);
      settings = { ...settings, ...draft.take(readSetting(key, given[key], key), key, at) };
    }
    return settings;
  };
  const all = draft.group(allGroup);
  all.settings = settingsAt(document.defaults, ['defaults']);
  for (const [name, own] of Object.entries(document.hosts ?? {}))
    draft.addHosts(name, all, () => file.locateKey(['hosts', name]), settingsAt(own, ['hosts', name]));
  for (const name of Object.keys(document.groups ?? {}))
    draft.define(name, () => file.locateKey(['groups', name]));
  for (const [name, content] of Object.entries(document.groups ?? {})) {
    const path = ['groups', name];
    const group = draft.group(name);
    group.settings = { ...group.settings, ...settingsAt(content, path) };
    for (const [at, host] of (content.hosts ?? []).entries())
      draft.addHosts(host, group, () => file.locate([...path, 'hosts', at]));
    for (const [at, child] of (content.children ?? []).entries())
      draft.addChild(group, child, () => file.locate([...path, 'children', at]));
  }
}
