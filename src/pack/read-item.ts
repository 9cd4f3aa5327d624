import { PackferryError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import { isMapping, mappingOf, type Mapping } from '../core/mapping.ts';
import { parseYamlParts } from '../core/yaml-parts.ts';
import type { Position, YamlFile, YamlPath } from '../core/yaml.ts';
import { mayBeItem } from './may-be-item.ts';

/** A text value of an item and where it stands. */
export interface ItemValue extends Position {
  readonly value: string;
}

/** What of an integration or script decides on the image that it runs in. */
export interface PackItem {
  readonly kind: 'integration' | 'script';
  /** `name`, or `commonfields.id` where that is missing; undefined when there is neither. */
  readonly name: string | undefined;
  /** `javascript`, `python`, `powershell`. */
  readonly type: ItemValue | undefined;
  /** As written; undefined when the key is missing or empty. */
  readonly dockerimage: ItemValue | undefined;
}

/** The keys with which an item says what it runs in: in a script at the top, in an integration below `script`. */
const runtime = { type: 'whole', dockerimage: 'whole' } as const;

/** All that is read of an item; what is not listed here is not there. */
export const itemParts = { name: 'whole', commonfields: 'whole', ...runtime, script: runtime } as const;

/**
 * Reads a YAML text of a pack. Undefined means that it is neither integration nor script: playbooks, lists, layouts,
 * rules, and files that are no content at all. Recognised by content: `script` is a mapping in integrations, which hold
 * their keys in it, and a text (perhaps `''` or `-`, when the code has a file of its own) in scripts. `path` is for
 * messages. Throws `E_PACK_INVALID` with line and column for YAML that is broken or keys that are no text.
 */
export function readItem(text: string, path: string): PackItem | undefined {
  if (!mayBeItem(text)) return undefined;
  const file = parseYamlParts(text, itemParts, {
    name: path,
    code: 'E_PACK_INVALID',
    maxBytes: limits.itemYaml,
  });
  const root = file.value;
  if (!isMapping(root)) return undefined;
  refuseMerge(file, root, []);
  const script = root['script'];
  if (isMapping(script)) refuseMerge(file, script, ['script']);
  const kind = kindOf(root);
  if (kind === undefined) return undefined;

  const parent = kind === 'integration' ? ['script'] : [];
  return {
    kind,
    name: nameOf(root),
    type: textAt(file, parent, 'type'),
    dockerimage: textAt(file, parent, 'dockerimage'),
  };
}

/** Items carry `commonfields` (id and version). Hand-written ones may lack it: a name and a language then tell. */
function kindOf(root: Mapping): PackItem['kind'] | undefined {
  const script = root['script'];
  const [kind, keys] = isMapping(script) ? (['integration', script] as const) : (['script', root] as const);
  if (kind === 'script' && typeof script !== 'string' && script !== null) return undefined;
  const named = isMapping(root['commonfields']);
  const typed = 'name' in root && ('type' in keys || 'dockerimage' in keys);
  return named || typed ? kind : undefined;
}

function nameOf(root: Mapping): string | undefined {
  return [root['name'], mappingOf(root['commonfields'])['id']]
    .map((name) => (typeof name === 'number' ? String(name) : name))
    .find((name): name is string => typeof name === 'string' && name !== '');
}

function textAt(file: YamlFile, parent: readonly string[], key: keyof typeof runtime): ItemValue | undefined {
  const path = [...parent, key];
  let value: unknown = file.value;
  for (const key of path) value = mappingOf(value)[key];
  if (value === undefined || value === null) return undefined;
  const position = file.locate(path);
  if (typeof value !== 'string') throw invalid(file, position, `${path.join('.')} must be a text`);
  return value.trim() === '' ? undefined : { value, ...position };
}

/** Servers may resolve merge keys, we do not: an image that hides behind one must not go unseen. */
function refuseMerge(file: YamlFile, mapping: Mapping, path: YamlPath): void {
  if (!('<<' in mapping)) return;
  throw invalid(file, file.locateKey([...path, '<<']), 'merge keys ("<<") are not supported here');
}

function invalid(file: YamlFile, { line, column }: Position, what: string): PackferryError {
  return new PackferryError('E_PACK_INVALID', `${file.name}:${line}:${column}: ${what}`);
}
