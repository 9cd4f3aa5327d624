import * as z from 'zod';
import { mappingOf } from '../core/mapping.ts';
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
      const expected = issue.errors.flat().map((one) => ('expected' in one ? one.expected : one.message));
      return mistake(wrongType(name, expected, valueAt(value, path)));
    }
    case 'invalid_value':
      return mistake(`${name} must be ${issue.values.map(String).join(' or ')}`);
    case 'too_small':
      return mistake(`${name} is ${issue.origin === 'string' ? 'empty' : 'too small'}`);
    case 'too_big':
      return mistake(
        `${name} takes at most ${issue.maximum} ${issue.origin === 'array' ? 'entries' : 'characters'}`,
      );
    case 'invalid_format':
    case 'invalid_key':
    case 'invalid_element':
    case 'not_multiple_of':
    case 'custom':
      return mistake(`${name}: ${issue.message}`);
  }
}

function unknownKey(key: string, parent: YamlPath, schema: z.ZodType): Mistake {
  const known = knownKeys(schema, parent);
  const near = nearestName(key, known);
  const guess = near === undefined ? '' : `; did you mean ${JSON.stringify(near)}?`;
  return {
    path: [...parent, key],
    atKey: true,
    message: `unknown key ${JSON.stringify(key)}${guess}`,
    ...(known.length === 0 ? {} : { hint: `Known here: ${known.join(', ')}.` }),
  };
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

function wrongType(name: string, expected: readonly string[], value: unknown): string {
  if (value === undefined) return `${name} is missing`;
  const wanted = [...new Set(expected.map((one) => yamlWords.get(one) ?? one))].join(' or ');
  const got = value === null ? 'empty' : yamlWords.get(Array.isArray(value) ? 'array' : typeof value);
  return `${name} must be ${wanted}, but is ${got ?? 'something else'}`;
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
