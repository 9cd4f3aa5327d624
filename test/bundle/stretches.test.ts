import test from 'ava';
import { frontOf, gapsIn, joined, lengthOf, within } from '../../src/bundle/stretches.ts';
import { randomFrom } from '../helpers/random.ts';

test('stretches that overlap, touch or repeat become one; empty and backward ones are nothing', (t) => {
  const stretches = [
    { from: 20, to: 30 },
    { from: 0, to: 5 },
    { from: 5, to: 10 },
    { from: 2, to: 4 },
    { from: 20, to: 30 },
    { from: 25, to: 28 },
    { from: 15, to: 15 },
    { from: 50, to: 40 },
  ];
  t.deepEqual(joined(stretches), [
    { from: 0, to: 10 },
    { from: 20, to: 30 },
  ]);
  t.deepEqual(joined([]), []);
});

test('the front ends at the first gap; without the first byte there is none', (t) => {
  t.is(frontOf([{ from: 0, to: 7 }]), 7);
  t.is(frontOf([{ from: 1, to: 7 }]), 0);
  t.is(frontOf([]), 0);
});

test('stretches and the gaps between them are the whole, at random', (t) => {
  const random = randomFrom(7);
  for (let round = 0; round < 300; round += 1) {
    const some = Array.from({ length: random(6) }, () => {
      const from = random(100);
      return { from, to: from + random(20) };
    });
    const all = { from: random(40), to: 40 + random(60) };
    const inside = within(joined(some), all);
    const gaps = gapsIn(all, joined(some));
    t.deepEqual(joined([...inside, ...gaps]), joined([all]));
    t.is(lengthOf(inside) + lengthOf(gaps), all.to - all.from);
  }
});
