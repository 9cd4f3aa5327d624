import test from 'ava';
import { Crew, type SharedWork } from '../../src/bundle/crew.ts';

const mib = 1024 * 1024;

test('as long as there is plenty, every blob is one piece', (t) => {
  const crew = new Crew(10_000 * mib, 5);
  for (const size of [900, 500, 1000]) t.is(crew.take(size * mib), size * mib);
});

test('towards the end the pieces become smaller, down to a least size, and no crumbs are left', (t) => {
  const crew = new Crew(100 * mib, 5);
  const pieces: number[] = [];
  for (let left = 100 * mib; left > 0;) {
    const piece = crew.take(left);
    pieces.push(piece);
    left -= piece;
  }
  t.is(pieces[0], 10 * mib);
  t.true(pieces.slice(-3).every((piece) => piece >= 2 * mib && piece <= 3 * mib));
  t.true(pieces.length < 30, `${pieces.length} pieces`);
  t.is(
    pieces.reduce((sum, piece) => sum + piece, 0),
    100 * mib,
  );
});

test('what lay there already makes the end come sooner', (t) => {
  const crew = new Crew(100 * mib, 5);
  crew.done(80 * mib);
  t.is(crew.take(20 * mib), 2 * mib);
});

test('who has nothing left helps with what was begun first, until nothing is left', async (t) => {
  const crew = new Crew(100 * mib, 5);
  const helped: string[] = [];
  const work = (name: string, left: number): SharedWork => ({
    get unclaimed() {
      return left;
    },
    help: () => {
      left -= 1;
      helped.push(name);
      return Promise.resolve();
    },
  });
  await crew.sharing(work('short', 1), () => crew.sharing(work('long', 3), () => crew.help()));
  t.deepEqual(helped, ['short', 'long', 'long', 'long']);
  await crew.help();
  t.is(helped.length, 4);
});

test('who has nothing left waits for those at work: a blob that is long on its way to be shared is helped with', async (t) => {
  const crew = new Crew(100 * mib, 2);
  let left = 2;
  const work: SharedWork = {
    get unclaimed() {
      return left;
    },
    help: () => {
      left -= 1;
      return Promise.resolve();
    },
  };
  let begin = (): void => undefined;
  const hashed = new Promise<void>((resolve) => (begin = resolve));
  let end = (): void => undefined;
  const fetched = new Promise<void>((resolve) => (end = resolve));
  const working = crew.working(async () => {
    await hashed;
    await crew.sharing(work, () => fetched);
  });
  const helping = crew.help();
  begin();
  while (left > 0) await new Promise(setImmediate);
  end();
  await Promise.all([working, helping]);
  t.is(left, 0);
});

test('who is alone divides nothing', (t) => {
  t.is(new Crew(100 * mib, 1).take(100 * mib), 100 * mib);
});
