import type { Random } from '../../helpers/random.ts';
import type { Mutation } from '../target.ts';
import { splice } from './bytes.ts';

const block = 512;

/** A place that matters more often than content does: some header. */
function inHeader(input: Buffer, random: Random): number {
  return block * random(1 + Math.floor(input.length / block)) + random(block);
}

function startOf(input: Buffer, random: Random): number {
  return block * random(1 + Math.floor(input.length / block));
}

/** Makes the sum of a header right again, so that the reader sees more than a wrong checksum. */
function resum(input: Buffer, at: number): Buffer {
  const start = at - (at % block);
  const header = Buffer.from(input.subarray(start, start + block));
  if (header.length < block) return input;
  header.fill(' ', 148, 156);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return splice(input, start, block, header);
}

/** Fields of a header: start, length, and what they may come to hold. */
const fields: readonly (readonly [number, number, readonly (string | Buffer)[]])[] = [
  [
    0,
    100,
    [
      'manifest.json',
      './manifest.json',
      'x/../manifest.json',
      '../../x',
      '/etc/passwd',
      'a\\b',
      'a\0b',
      'é',
      '',
    ],
  ],
  [
    124,
    12,
    [
      '00000000000\0',
      '77777777777\0',
      '-0000000001\0',
      '00000000008\0',
      '           \0',
      '1',
      Buffer.alloc(12, 0xff),
    ],
  ],
  [124, 12, [Buffer.from('80000000ffffffffffffffff', 'hex'), Buffer.from('800000000000000200000000', 'hex')]],
  [
    156,
    1,
    [
      '0',
      '\0',
      '1',
      '2',
      '3',
      '4',
      '5',
      '6',
      '7',
      'x',
      'g',
      'L',
      'K',
      'S',
      'D',
      'V',
      'M',
      'N',
      'X',
      '\u007f',
    ],
  ],
  [157, 100, ['', 'manifest.json', '../x/layer.tar', '/etc', '..', 'a\0b']],
  [257, 8, ['ustar\x0000', 'ustar  \0', '\0\0\0\0\0\0\0\0', 'USTAR\x0000']],
  [345, 155, ['..', '/', 'blobs', 'a\0b', 'x'.repeat(155)]],
];

const setField: Mutation = (input, random) => {
  const start = startOf(input, random);
  const [offset, length, values] = fields[random(fields.length)] ?? [0, 0, []];
  const field = Buffer.alloc(length);
  Buffer.from(values[random(values.length)] ?? '').copy(field);
  return start + block > input.length ? input : resum(splice(input, start + offset, length, field), start);
};

/** Changes for tar archives, some of which keep to its blocks and sums. */
export const anyTar: readonly Mutation[] = [
  (input, random) => splice(input, random(input.length + 1), 1, [random(256)]),
  (input, random) =>
    splice(input, inHeader(input, random), 1, [[0, 0x20, 0x30, 0x37, 0x80, 0xff][random(6)] ?? 0]),
  (input, random) => {
    const at = inHeader(input, random);
    return resum(splice(input, at, 1, [random(256)]), at);
  },
  setField,
  setField,
  (input, random) => input.subarray(0, random(input.length + 1)),
  (input, random) => Buffer.concat([input, input.subarray(random(input.length + 1))]),
  (input, random) => splice(input, startOf(input, random), block * random(8)),
  (input, random) => {
    const from = startOf(input, random);
    return splice(input, startOf(input, random), 0, input.subarray(from, from + block * random(12)));
  },
  (input, random) => splice(input, startOf(input, random), 0, Buffer.alloc(block * (1 + random(2)))),
  (input, random, others) => {
    const other = others[random(others.length)] ?? input;
    return Buffer.concat([input.subarray(0, startOf(input, random)), other.subarray(startOf(other, random))]);
  },
];
