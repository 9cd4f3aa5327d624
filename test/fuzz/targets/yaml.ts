import assert from 'node:assert/strict';
import { parseYamlParts } from '../../../src/core/yaml-parts.ts';
import { parseYaml, type YamlFile } from '../../../src/core/yaml.ts';
import { PackferryError } from '../../../src/core/errors.ts';
import { itemParts, readItem } from '../../../src/pack/read-item.ts';
import { anyYaml } from '../mutate/yaml.ts';
import type { Target } from '../target.ts';

const options = { name: 'item.yml', code: 'E_PACK_INVALID', maxBytes: 1024 * 1024 } as const;

const items = [
  `commonfields:
  id: Sample
  version: -1
name: Sample
script:
  type: python
  dockerimage: demisto/python3:3.12.13.1
  alt_dockerimages:
  - demisto/crypto:1.10
  nativeimage: ['8.8', 8.10]
  script: |-
    def main():
      return "x: [y"
  commands:
  - name: a
    arguments: [{ name: b, description: 'it''s' }]
`,
  `commonfields: {id: Two, version: -1}
name: "Two \\u00e9"
# a comment
script: >
  demisto.results('x')

type: python
dockerimage45: &image demisto/python:2.7
dockerimage: *image
enabled: true
`,
];

export const yaml: Target = {
  name: 'core/yaml',
  valid: () => [...items, 'a: [1, {b: c}]\n', '- x\n- &y {z: 1}\n- *y\n'].map((text) => Buffer.from(text)),
  mutations: anyYaml,
  codes: ['E_PACK_INVALID'],
  runs: 250,
  read: (input) => {
    const file = parseYaml(input.toString('utf8'), options);
    for (const path of [['script', 'dockerimage'], ['a', 0, 'b'], []]) {
      const { line, column } = file.locate(path);
      assert.ok(line >= 1 && column >= 1);
    }
    // Plain data: what an alias or tag could smuggle in would not survive this.
    JSON.stringify(file.value);
  },
};

/** The quick way through an item finds what the full parser finds, or both refuse. */
export const yamlParts: Target = {
  name: 'core/yaml-parts',
  valid: () => items.map((text) => Buffer.from(text)),
  mutations: anyYaml,
  codes: ['E_PACK_INVALID'],
  runs: 250,
  read: (input) => {
    const text = input.toString('utf8');
    const quick = outcome(() => parseYamlParts(text, itemParts, options));
    const full = outcome(() => parseYaml(text, options));
    assert.equal(quick instanceof PackferryError, full instanceof PackferryError, 'one parser refuses');
    if (full instanceof PackferryError) throw full;
    if (quick instanceof PackferryError) throw quick;
    for (const path of [
      ['name'],
      ['commonfields', 'id'],
      ['script', 'dockerimage'],
      ['dockerimage'],
      ['type'],
    ]) {
      assert.deepEqual(at(quick, path), at(full, path));
      if (at(full, path) !== undefined) assert.deepEqual(quick.locate(path), full.locate(path));
    }
  },
};

function outcome(parse: () => YamlFile): YamlFile | PackferryError {
  try {
    return parse();
  } catch (fault) {
    if (fault instanceof PackferryError) return fault;
    throw fault;
  }
}

function at({ value }: YamlFile, path: readonly string[]): unknown {
  return path.reduce<unknown>((outer, key) => {
    const isOpen = typeof outer === 'object' && outer !== null && Object.hasOwn(outer, key);
    return isOpen ? (outer as Record<string, unknown>)[key] : undefined;
  }, value);
}

export const packItem: Target = {
  name: 'pack/item',
  valid: () => items.map((text) => Buffer.from(text)),
  mutations: anyYaml,
  codes: ['E_PACK_INVALID'],
  runs: 250,
  read: (input) => {
    const item = readItem(input.toString('utf8'), 'item.yml');
    const image = item?.dockerimage;
    assert.ok(image === undefined || (typeof image.value === 'string' && image.line >= 1));
  },
};
