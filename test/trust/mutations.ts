import { encodeArmor } from '../../src/trust/armor.ts';
import { blobOf } from './oracle.ts';

/** Numbers in [0, limit) that are the same in every run (mulberry32). */
export function dice(seed: number): Roll {
  let state = seed;
  return (limit) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % limit;
  };
}

export type Roll = (limit: number) => number;

export const pick = <T>(choices: readonly [T, ...T[]], roll: Roll): T =>
  choices[roll(choices.length)] ?? choices[0];

export const splice = (bytes: Buffer, at: number, remove: number, insert: string | Buffer = ''): Buffer =>
  Buffer.concat([bytes.subarray(0, at), Buffer.from(insert), bytes.subarray(at + remove)]);

/** A change of a signature file. */
export type Mutation = (file: Buffer, roll: Roll) => Buffer;

const inBlob =
  (change: (blob: Buffer, roll: Roll) => Buffer): Mutation =>
  (file, roll) =>
    Buffer.from(encodeArmor(change(blobOf(file), roll)));

export const flipBit = (blob: Buffer, roll: Roll): Buffer => {
  const at = roll(blob.length);
  return splice(blob, at, 1, Buffer.of((blob[at] ?? 0) ^ (1 << roll(8))));
};

const changeSmallNumber = (blob: Buffer, roll: Roll): Buffer => {
  const zeros = [...blob.keys()].filter((at) => blob.readUIntBE(Math.min(at, blob.length - 3), 3) === 0);
  return splice(blob, (zeros[roll(zeros.length)] ?? 0) + 3, 1, Buffer.of(roll(70)));
};

/** Changes of the bytes inside the armor. */
export const blobMutations: Readonly<Record<string, Mutation>> = {
  'a bit of the blob flipped': inBlob(flipBit),
  'a length or small number of the blob changed': inBlob(changeSmallNumber),
  'bytes put into the blob': inBlob((blob, roll) => splice(blob, roll(blob.length + 1), 0, '\0')),
  'bytes taken from the blob': inBlob((blob, roll) => splice(blob, roll(blob.length), 1 + roll(8))),
};

/** Changes of the text, beside those of the blob; how often each is tried. */
export const mutations: Readonly<Record<string, readonly [times: number, Mutation]>> = {
  nothing: [1, (file) => file],
  ...Object.fromEntries(
    Object.entries(blobMutations).map(([name, mutation], index) => [
      name,
      [[24, 10, 5, 5][index] ?? 1, mutation] as const,
    ]),
  ),
  'a character of the file replaced': [
    10,
    (file, roll) => splice(file, roll(file.length), 1, ' \n\t=A+/-Z\r'.charAt(roll(10))),
  ],
  'a character put into the file': [
    12,
    (file, roll) => splice(file, roll(file.length + 1), 0, ' \n\t=A+/-\0\r'.charAt(roll(10))),
  ],
  'the file cut': [4, (file, roll) => file.subarray(0, roll(file.length))],
  'the file continued': [2, (file, roll) => splice(file, file.length, 0, pick(['x', '\n', ' '], roll))],
  'CRLF lines': [1, (file) => Buffer.from(file.toString('latin1').replaceAll('\n', '\r\n'))],
  'lines of 64 characters': [
    1,
    (file) =>
      Buffer.from(
        `-----BEGIN SSH SIGNATURE-----\n${blobOf(file).toString('base64').replace(/.{64}/g, '$&\n')}\n-----END SSH SIGNATURE-----\n`,
      ),
  ],
};
