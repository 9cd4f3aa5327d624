import type { Mutation } from '../target.ts';

/** `count` bytes from `at` on replaced. */
export function splice(
  input: Buffer,
  at: number,
  count: number,
  insert: string | Uint8Array | readonly number[] = '',
): Buffer {
  return Buffer.concat([
    input.subarray(0, at),
    typeof insert === 'string' ? Buffer.from(insert) : Buffer.from(insert),
    input.subarray(at + count),
  ]);
}

/** Numbers at which readers go wrong: around the sizes of their types, and none. */
export const edges: readonly number[] = [
  0, 1, 2, 0x7f, 0x80, 0xff, 0x100, 0x7fff, 0x8000, 0xffff, 0x10000, 0x7fffffff, 0x80000000, 0xffffffff,
];

const flipBit: Mutation = (input, random) => {
  const at = random(input.length + 1);
  return splice(input, at, 1, [(input[at] ?? 0) ^ (1 << random(8))]);
};

const setByte: Mutation = (input, random) =>
  splice(input, random(input.length + 1), 1, [
    [0, 9, 10, 13, 0x20, 0x22, 0x7f, 0x80, 0xc3, 0xff][random(10)] ?? 0,
  ]);

const cut: Mutation = (input, random) => input.subarray(0, random(input.length + 1));

const remove: Mutation = (input, random) => splice(input, random(input.length + 1), 1 + random(16));

const double: Mutation = (input, random) => {
  const at = random(input.length + 1);
  return splice(input, at, 0, input.subarray(at, at + 1 + random(64)));
};

/** What is slow, or takes too much, only shows when there is a lot of it. */
const repeat: Mutation = (input, random) => {
  const at = random(input.length + 1);
  const part = input.subarray(at, at + 1 + random(6));
  const times = 1 << random(14);
  return splice(input, at, 0, Buffer.concat(Array.from({ length: times }, () => part)));
};

const move: Mutation = (input, random) => {
  const at = random(input.length + 1);
  const part = input.subarray(at, at + 1 + random(64));
  const rest = splice(input, at, part.length);
  return splice(rest, random(rest.length + 1), 0, part);
};

const join: Mutation = (input, random, others) => {
  const other = others[random(others.length)] ?? input;
  return Buffer.concat([
    input.subarray(0, random(input.length + 1)),
    other.subarray(random(other.length + 1)),
  ]);
};

/** A number of two, four or eight bytes, in either order. */
const number: Mutation = (input, random) => {
  const bytes = Buffer.alloc(8);
  const value = BigInt(edges[random(edges.length)] ?? 0) << BigInt(random(2) * random(33));
  const isLittle = random(2) === 0;
  const width = [2, 4, 8][random(3)] ?? 4;
  if (isLittle) bytes.writeBigUInt64LE(BigInt.asUintN(64, value));
  else bytes.writeBigUInt64BE(BigInt.asUintN(64, value));
  return splice(
    input,
    random(input.length + 1),
    width,
    isLittle ? bytes.subarray(0, width) : bytes.subarray(-width),
  );
};

/** Changes for inputs of any kind. */
export const anyBytes: readonly Mutation[] = [
  flipBit,
  setByte,
  cut,
  remove,
  double,
  repeat,
  move,
  join,
  number,
];
