import * as z from 'zod';
import { isMapping, mappingOf, type Mapping } from '../core/mapping.ts';
import { nearestName } from '../core/nearest.ts';
import type { YamlPath } from '../core/yaml.ts';
import { formatPath, type Mistake } from './load-manifest-mistakes.ts';

/** What a schema finds wrong with a value, in the words of someone who writes YAML. */
export function schemaMistakes(schema: z.ZodType, value: unknown): Mistake[] {
  const result = schema.safeParse(value);
  return result.success ? [] : result.error.issues.flatMap((issue) => mistakesOf(issue, schema, value));
}

function mistakesOf(issue: z.core.$ZodIssue, schema: z.ZodType, value: unknown): Mistake[] {
  const path = issue.path.map((part) => (typeof part === 'number' ? part : String(part)));
  const name = path.length === 0 ? 'the manifest' : formatPath(path);
  const mistake = (message: string): Mistake[] => [{ path, message }];
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((key) => unknownKey(key, path, schema));
    case 'invalid_type':
      return mistake(wrongType(name, [issue.expected], valueAt(value, path)));
    case 'invalid_union': {
      const mapping = valueAt(value, path);
      if (isMapping(mapping)) return mistakesOfMapping(issue, mapping, schema, value);
      const lists = Array.isArray(mapping) ? issue.errors.filter(isOfItsKind) : [];
      if (lists.length === 1)
        return lists.flat().flatMap((inner) => mistakesOf(within(issue, inner), schema, value));
      const expected = issue.errors.flat().map((one) => ('expected' in one ? one.expected : one.message));
      return mistake(wrongType(name, expected, valueAt(value, path)));
    }
    case 'invalid_value':
      return mistake(wrongValue(name, issue.values.map(String).join(' or '), valueAt(value, path)));
    case 'too_small':
      return mistake(`${name} is ${['string', 'array'].includes(issue.origin) ? 'empty' : 'too small'}`);
    case 'too_big':
      return mistake(tooBig(name, issue));
    case 'invalid_format':
      return mistake(`${name} must be ${issue.message}`);
    case 'invalid_key':
    case 'invalid_element':
    case 'not_multiple_of':
    case 'custom':
      return mistake(`${name}: ${issue.message}`);
  }
}

/** What is wrong with a mapping that may have several shapes: which one is meant, its keys tell. */
function mistakesOfMapping(
  { errors, path }: z.core.$ZodIssueInvalidUnion,
  mapping: Mapping,
  schema: z.ZodType,
  value: unknown,
): Mistake[] {
  const at = path.map((part) => (typeof part === 'number' ? part : String(part)));
  const missing = errors.map((issues) =>
    issues.flatMap(({ path: [key, ...inner] }) =>
      key !== undefined && inner.length === 0 && !(key in mapping) ? [String(key)] : [],
    ),
  );
  const meant = errors.filter((shape, index) => missing[index]?.length === 0 && isOfItsKind(shape));
  const [only] = meant;
  if (only !== undefined && meant.length === 1) {
    return only.flatMap((inner) => mistakesOf(within({ path }, inner), schema, value));
  }
  const known = knownKeys(schema, at);
  const unknown = Object.keys(mapping).filter((key) => !known.includes(key));
  if (unknown.length > 0) return unknown.map((key) => unknownKey(key, at, schema));
  const message =
    meant.length > 1
      ? `these keys do not go together: ${Object.keys(mapping).join(', ')}`
      : `one of these keys is missing: ${missing.flat().join(', ')}`;
  return [{ path: at, message: `${formatPath(at)}: ${message}` }];
}

/** An issue of one shape of a union, with its path from the top. */
function within({ path }: Pick<z.core.$ZodIssue, 'path'>, inner: z.core.$ZodIssue): z.core.$ZodIssue {
  return { ...inner, path: [...path, ...inner.path] };
}

/** Has the value what these issues are about: a mapping for a shape of a mapping, a list for one of a list? */
function isOfItsKind(issues: readonly z.core.$ZodIssue[]): boolean {
  return !issues.some(({ code, path }) => code === 'invalid_type' && path.length === 0);
}

function unknownKey(key: string, parent: YamlPath, schema: z.ZodType): Mistake {
  const known = knownKeys(schema, parent);
  if (known.includes(key)) return misplacedKey(key, parent);
  const near = nearestName(key, known);
  const guess = near === undefined ? '' : `; did you mean ${JSON.stringify(near)}?`;
  return {
    path: [...parent, key],
    atKey: true,
    message: `unknown key ${JSON.stringify(key)}${guess}`,
    // Of several shapes that may stand there, some share keys.
    ...(known.length === 0 ? {} : { hint: `Known here: ${[...new Set(known)].join(', ')}.` }),
  };
}

/** A key that this place knows, but not beside the others. */
function misplacedKey(key: string, parent: YamlPath): Mistake {
  const message = `${formatPath(parent)}: the key ${JSON.stringify(key)} does not go with the others`;
  return { path: [...parent, key], atKey: true, message };
}

const yamlWords: ReadonlyMap<string, string> = new Map([
  ['string', 'a text'],
  ['object', 'a mapping'],
  ['record', 'a mapping'],
  ['array', 'a list'],
  ['boolean', 'true or false'],
  ['int', 'a whole number'],
  ['number', 'a number'],
]);

function wrongValue(name: string, wanted: string, value: unknown): string {
  return value === undefined ? `${name} is missing: it must be ${wanted}` : `${name} must be ${wanted}`;
}

function tooBig(name: string, { maximum, origin }: z.core.$ZodIssueTooBig): string {
  const [one, many] = origin === 'array' ? ['entry', 'entries'] : ['character', 'characters'];
  return `${name} takes at most ${maximum} ${Number(maximum) === 1 ? one : many}`;
}

function wrongType(name: string, expected: readonly string[], value: unknown): string {
  if (value === undefined) return `${name} is missing`;
  const wanted = [...new Set(expected.map((one) => yamlWords.get(one) ?? one))].join(' or ');
  const got = value === null ? 'empty' : yamlWords.get(Array.isArray(value) ? 'array' : typeof value);
  const isUnquoted = expected.includes('string') && ['number', 'boolean'].includes(typeof value);
  return `${name} must be ${wanted}, but is ${got ?? 'something else'}${isUnquoted ? ': put it in quotes' : ''}`;
}

function valueAt(value: unknown, path: YamlPath): unknown {
  return path.reduce(
    (outer: unknown, key) =>
      Array.isArray(outer) ? (outer as unknown[])[Number(key)] : mappingOf(outer)[String(key)],
    value,
  );
}

/** The keys that a schema knows at a path. Read from its JSON Schema, which is plain data. */
function knownKeys(schema: z.ZodType, path: YamlPath): string[] {
  let level: unknown[] = alternatives(z.toJSONSchema(schema));
  for (const part of path) {
    level = level.flatMap((outer) => {
      const { items, properties, additionalProperties } = mappingOf(outer);
      return alternatives(
        typeof part === 'number' ? items : (mappingOf(properties)[part] ?? additionalProperties),
      );
    });
  }
  return level.flatMap((one) => Object.keys(mappingOf(mappingOf(one)['properties'])));
}

function alternatives(schema: unknown): unknown[] {
  const { anyOf } = mappingOf(schema);
  return Array.isArray(anyOf) ? anyOf : [schema];
}
