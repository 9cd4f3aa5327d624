import type { Mutation } from '../target.ts';
import { anyBytes, edges, splice } from './bytes.ts';

/** A length before a string: one that fits, to something else. */
const changeLength: Mutation = (input, random) => {
  const lengths = [...input.keys()].filter((at) => {
    const length = at + 4 <= input.length ? input.readUInt32BE(at) : -1;
    return length >= 0 && at + 4 + length <= input.length;
  });
  const at = lengths[random(Math.max(1, lengths.length))];
  if (at === undefined) return input;
  const length = input.readUInt32BE(at);
  const changed = Buffer.alloc(4);
  const near = [length + 1, Math.max(0, length - 1), length * 2, input.length, ...edges];
  changed.writeUInt32BE((near[random(near.length)] ?? 0) % 0x1_0000_0000);
  return splice(input, at, 4, changed);
};

/** Changes for the wire encoding of SSH: lengths before strings. */
export const anyWire: readonly Mutation[] = [...anyBytes, ...Array.from({ length: 5 }, () => changeLength)];

/** The same on what base64 in a text holds: the `at`th field of its lines. */
export function inBase64(mutations: readonly Mutation[]): Mutation {
  return (input, random, others) => {
    const text = input.toString('latin1');
    const found = [...text.matchAll(/[A-Za-z0-9+/\n]{40,}={0,2}/g)];
    const chosen = found[random(Math.max(1, found.length))];
    if (chosen === undefined) return input;
    const bytes = Buffer.from(chosen[0], 'base64');
    const changed =
      mutations[random(mutations.length)]?.(bytes, random, others.length === 0 ? [] : [bytes]) ?? bytes;
    const end = chosen[0].endsWith('\n') ? '\n' : '';
    const lines = chosen[0].trim().includes('\n');
    const base64 = changed.toString('base64');
    return Buffer.from(
      text.slice(0, chosen.index) +
        (chosen[0].startsWith('\n') ? '\n' : '') +
        (lines ? base64.replace(/.{70}(?=.)/g, '$&\n') : base64) +
        end +
        text.slice(chosen.index + chosen[0].length),
      'latin1',
    );
  };
}
