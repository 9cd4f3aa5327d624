import type { Target } from '../target.ts';

/** A parser that never ends: shows that the watch works. */
export const hangs: Target = {
  name: 'self-test/hangs',
  valid: () => [Buffer.from('x')],
  codes: [],
  read: () => {
    for (;;);
  },
};

/** A parser that keeps what it reads, and more. */
export const grows: Target = {
  name: 'self-test/grows',
  valid: () => [Buffer.from('x')],
  codes: [],
  read: () => {
    const kept: number[][] = [];
    for (;;) kept.push(new Array<number>(1_000_000).fill(0));
  },
};
