import { isAlias, isScalar } from 'yaml';
import { PackferryError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import { isMapping, mappingOf, type Mapping } from '../core/mapping.ts';
import { parseYamlParts } from '../core/yaml-parts.ts';
import { formatPath, type Position, type YamlFile, type YamlPath } from '../core/yaml.ts';
import { mayBeItem } from './may-be-item.ts';

/** A text value of an item and where it stands. */
export interface ItemValue extends Position {
  readonly value: string;
}

/** A text in a list of an item. */
export interface ItemEntry extends ItemValue {
  /** Its number in the list of the file, from 0. */
  readonly index: number;
}

/** What of an integration or script decides on the image that it runs in. */
export interface PackItem {
  readonly kind: 'integration' | 'script';
  /** `name`, or `commonfields.id` where that is missing; undefined when there is neither. */
  readonly name: string | undefined;
  /** `commonfields.id`. */
  readonly id: string | undefined;
  /** `javascript`, `python`, `powershell`. */
  readonly type: ItemValue | undefined;
  /** As written; undefined when the key is missing or empty. */
  readonly dockerimage: ItemValue | undefined;
  /** For servers of version 4.5 and older. */
  readonly dockerimage45: ItemValue | undefined;
  /** Images in which the item is tested; not needed to run it. */
  readonly alternatives: readonly ItemEntry[];
  /** Versions of the native image that the item may run in, e.g. `8.8`; undefined when it does not say. */
  readonly native: readonly ItemEntry[] | undefined;
}

/** The keys with which an item says what it runs in: in a script at the top, in an integration below `script`. */
const runtime = {
  type: 'whole',
  dockerimage: 'whole',
  dockerimage45: 'whole',
  alt_dockerimages: 'whole',
  nativeimage: 'whole',
  nativeImage: 'whole',
} as const;

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
    id: textOf(mappingOf(root['commonfields'])['id']),
    type: textAt(file, parent, 'type'),
    dockerimage: textAt(file, parent, 'dockerimage'),
    dockerimage45: textAt(file, parent, 'dockerimage45'),
    alternatives: textsAt(file, parent, 'alt_dockerimages') ?? [],
    // The schema of content says one, what builds content writes the other.
    native: textsAt(file, parent, 'nativeimage') ?? textsAt(file, parent, 'nativeImage'),
  };
}

/** Items carry `commonfields` (id and version). Hand-written ones may lack it: a name and a language then tell. */
function kindOf(root: Mapping): PackItem['kind'] | undefined {
  const script = root['script'];
  const [kind, keys] = isMapping(script) ? (['integration', script] as const) : (['script', root] as const);
  // Code such as `5` or `true` is a number or a truth to YAML; and code may stand in a file of its own without a trace.
  if (Array.isArray(script) || (script === undefined && !('dockerimage' in root))) return undefined;
  const named = isMapping(root['commonfields']);
  const typed = 'name' in root && ('type' in keys || 'dockerimage' in keys);
  return named || typed ? kind : undefined;
}

function nameOf(root: Mapping): string | undefined {
  return textOf(root['name']) ?? textOf(mappingOf(root['commonfields'])['id']);
}

function textOf(name: unknown): string | undefined {
  if (typeof name === 'number') return String(name);
  return typeof name === 'string' && name !== '' ? name : undefined;
}

function valueAt(file: YamlFile, path: YamlPath): unknown {
  return path.reduce<unknown>(
    (outer, key) => (Array.isArray(outer) ? (outer as unknown[])[Number(key)] : mappingOf(outer)[key]),
    file.value,
  );
}

/**
 * The texts of a list, empty ones left out; undefined when there is no list. Numbers count as they are written: people
 * leave out the quotes of `8.10`, and servers read the text.
 */
function textsAt(
  file: YamlFile,
  parent: readonly string[],
  key: keyof typeof runtime,
): ItemEntry[] | undefined {
  const path = [...parent, key];
  const list = valueAt(file, path);
  if (list === undefined || list === null) return undefined;
  if (!Array.isArray(list)) throw invalid(file, file.locate(path), `${path.join('.')} must be a list`);
  return list.flatMap((_, index) => {
    const found = textOfNode(file, [...path, index], numberAt);
    return found === undefined ? [] : { ...found, index };
  });
}

function textAt(file: YamlFile, parent: readonly string[], key: keyof typeof runtime): ItemValue | undefined {
  return textOfNode(file, [...parent, key]);
}

function textOfNode(
  file: YamlFile,
  path: YamlPath,
  otherwise: (file: YamlFile, path: YamlPath) => string | undefined = () => undefined,
): ItemValue | undefined {
  const found = valueAt(file, path);
  if (found === undefined || found === null) return undefined;
  const value = typeof found === 'string' ? found : otherwise(file, path);
  const position = file.locate(path);
  if (typeof value !== 'string') {
    const hint = typeof found === 'object' ? undefined : 'Put it in quotes.';
    throw invalid(file, position, `${formatPath(path)} must be a text`, hint);
  }
  return value.trim() === '' ? undefined : { value, ...position };
}

/** A number as it is written, also where an alias stands for it. */
function numberAt({ document }: YamlFile, path: YamlPath): string | undefined {
  const node = document.getIn(path, true);
  const scalar = isAlias(node) ? node.resolve(document) : node;
  return isScalar(scalar) && typeof scalar.value === 'number' ? scalar.source : undefined;
}

/** Servers may resolve merge keys, we do not: an image that hides behind one must not go unseen. */
function refuseMerge(file: YamlFile, mapping: Mapping, path: YamlPath): void {
  if (!('<<' in mapping)) return;
  throw invalid(
    file,
    file.locateKey([...path, '<<']),
    'merge keys ("<<") are not supported here',
    'Write the keys out.',
  );
}

function invalid(file: YamlFile, { line, column }: Position, what: string, hint?: string): PackferryError {
  const extras = hint === undefined ? {} : { hint };
  return new PackferryError('E_PACK_INVALID', `${file.name}:${line}:${column}: ${what}`, extras);
}
