import type { ErrorCode } from '../../src/core/errors.ts';
import { randomFrom, type Random } from '../helpers/random.ts';
import { anyBytes } from './mutate/bytes.ts';

/** Changes an input. `others` are all valid inputs of the target, for splices. */
export type Mutation = (input: Buffer, random: Random, others: readonly Buffer[]) => Buffer;

/** One parser of what comes from outside, with inputs that it takes. */
export interface Target {
  /** Room and parser, e.g. `core/json`. */
  readonly name: string;
  /** Inputs that are accepted as they are; the same in every run. */
  readonly valid: () => readonly Buffer[] | Promise<readonly Buffer[]>;
  /** How inputs are changed. Default: bits, bytes, numbers and chunks of them. */
  readonly mutations?: readonly Mutation[];
  /** What the parser may throw. Everything else is a finding. */
  readonly codes: readonly ErrorCode[];
  /**
   * Parses an input, and checks what was accepted: an assertion that fails is a finding too. `folder` is empty at the
   * first run and stays for all of them.
   */
  readonly read: (input: Buffer, folder: string) => unknown;
  /** Runs in `npm test`. Default: 200. */
  readonly runs?: number;
}

/** Longer inputs are cut: what is slow shows before. */
const longest = 256 * 1024;

/** The input of one run; it depends on nothing but the target and the number of the run. Some are the valid ones. */
export function inputOf(
  target: Target,
  valid: readonly Buffer[],
  run: number,
): { input: Buffer; isValid: boolean } {
  const random = randomFrom(run);
  const { mutations = anyBytes } = target;
  const [first = Buffer.alloc(0)] = valid;
  let input = valid[random(valid.length)] ?? first;
  const changes = random(5);
  for (let count = 0; count < changes; count += 1) {
    input = mutations[random(mutations.length)]?.(input, random, valid) ?? input;
  }
  return { input: input.subarray(0, longest), isValid: changes === 0 };
}
