/** Whole numbers from 0 up to a limit, in an order that only depends on the seed. */
export type Random = (limit: number) => number;

/** A small generator of random numbers (mulberry32), so that a failed test can be repeated. */
export function randomFrom(seed: number): Random {
  let state = seed;
  return (limit) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % limit;
  };
}
