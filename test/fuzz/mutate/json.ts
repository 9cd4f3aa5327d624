import type { Random } from '../../helpers/random.ts';
import type { Mutation } from '../target.ts';
import { anyText, numbers } from './text.ts';

/** A document as its tokens nest: objects are lists of pairs, since hostile ones have a key twice. */
type Node = readonly ['object', Pair[]] | readonly ['array', Node[]] | readonly ['plain', string];
interface Pair {
  key: string;
  value: Node;
}

function treeOf(value: unknown): Node {
  if (Array.isArray(value)) return ['array', value.map(treeOf)];
  if (typeof value !== 'object' || value === null) return ['plain', JSON.stringify(value)];
  return ['object', Object.entries(value).map(([key, inner]) => ({ key, value: treeOf(inner) }))];
}

function textOf([kind, content]: Node): string {
  if (kind === 'plain') return content;
  if (kind === 'array') return `[${content.map(textOf).join(',')}]`;
  return `{${content.map(({ key, value }) => `${JSON.stringify(key)}:${textOf(value)}`).join(',')}}`;
}

/** Every list of children in the tree. */
function listsIn(node: Node): (Pair[] | Node[])[] {
  if (node[0] === 'plain') return [];
  const inner = node[0] === 'array' ? node[1] : node[1].map(({ value }) => value);
  return [node[1], ...inner.flatMap(listsIn)];
}

const values: readonly string[] = [
  ...[
    'null',
    'true',
    'false',
    '{}',
    '[]',
    '""',
    '" "',
    '"\\u0000"',
    '"\\ud800"',
    '[[]]',
    '{"":null}',
    '[null]',
  ],
  ...[
    '"../../x"',
    '"/etc/passwd"',
    '"-v /:/host"',
    '"$(id)"',
    '"a\\nb"',
    '"\\u001b[2J"',
    '"\\u202e"',
    '{"__proto__":{}}',
  ],
  ...['"sha256:"', `"sha256:${'0'.repeat(64)}"`, `"sha256:${'A'.repeat(64)}"`, `"${'x'.repeat(2000)}"`],
];

/** Deeper than limits allow, or just so. */
function deep(random: Random): string {
  const levels = [60, 63, 64, 65, 1000, 20_000][random(6)] ?? 64;
  return random(2) === 0
    ? `${'['.repeat(levels)}${']'.repeat(levels)}`
    : `${'{"a":'.repeat(levels)}1${'}'.repeat(levels)}`;
}

function plain(random: Random): Node {
  const kind = random(10);
  if (kind === 0) return ['plain', deep(random)];
  if (kind < 5) return ['plain', numbers[random(numbers.length)] ?? '0'];
  return ['plain', values[random(values.length)] ?? 'null'];
}

function otherKey(key: string, random: Random): string {
  const flipped = key.replace(/[a-z]/i, (letter) =>
    letter === letter.toLowerCase() ? letter.toUpperCase() : letter.toLowerCase(),
  );
  return (
    [key, flipped, key.replace('k', '\u212a').replace('s', '\u017f'), '__proto__', 'constructor', `${key} `][
      random(6)
    ] ?? key
  );
}

type Change = (list: Pair[] | Node[], at: number, random: Random) => void;

const changes: readonly Change[] = [
  (list, at) => list.splice(at, 1),
  (list, at, random) => put(list, at, plain(random)),
  (list, at, random) => put(list, at, plain(random)),
  // The same again: in an object that is a key twice.
  (list, at, random) => {
    const one = list[at];
    if (one !== undefined) (list as unknown[]).splice(random(list.length + 1), 0, one);
  },
  (list, at, random) => {
    const one = list[at];
    if (one !== undefined && 'key' in one)
      (list as Pair[]).splice(random(list.length + 1), 0, { ...one, key: otherKey(one.key, random) });
  },
  (list, at, random) => {
    const one = list[at];
    if (one !== undefined && 'key' in one) one.key = otherKey(one.key, random);
  },
  (list, at) => {
    const one = list[at];
    if (one !== undefined) put(list, at, ['array', ['key' in one ? one.value : one]]);
  },
  // Many of them.
  (list, at, random) => {
    const one = list[at];
    if (one !== undefined && !('key' in one))
      (list as Node[]).push(...Array.from({ length: 1 << random(11) }, () => one));
  },
];

function put(list: Pair[] | Node[], at: number, value: Node): void {
  const one = list[at];
  if (one !== undefined && 'key' in one) one.value = value;
  else if (one !== undefined) (list as Node[])[at] = value;
}

/** Changes of the values and keys of a document that is one; others stay as they are, and very deep ones too. */
const inTree: Mutation = (input, random) => {
  try {
    return changedTree(treeOf(JSON.parse(input.toString('utf8'))), random);
  } catch {
    return input;
  }
};

function changedTree(tree: Node, random: Random): Buffer {
  const lists = listsIn(tree).filter(({ length }) => length > 0);
  const list = lists[random(Math.max(1, lists.length))];
  if (list === undefined) return Buffer.from(textOf(plain(random)));
  changes[random(changes.length)]?.(list, random(list.length), random);
  return Buffer.from(textOf(tree));
}

const secondDocument: Mutation = (input, random, others) =>
  Buffer.concat([
    input,
    Buffer.from(['', '\n', ' ', '\0'][random(4)] ?? ''),
    others[random(others.length)] ?? input,
  ]);

/** Changes for JSON documents; half of them leave the syntax right. */
export const anyJson: readonly Mutation[] = [
  ...Array.from({ length: anyText.length + 2 }, () => inTree),
  ...anyText,
  secondDocument,
];

/** A value as a valid input. */
export function jsonInput(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value));
}
