import { Readable } from 'node:stream';
import test from 'ava';
import { collect } from '../../src/core/collect.ts';

test('a stream is read whole, up to the limit', async (t) => {
  const stream = (): Readable => Readable.from([Buffer.from('ab'), Buffer.from('cd')]);
  t.is(String(await collect(stream(), 4, 'x')), 'abcd');
  await t.throwsAsync(collect(stream(), 3, 'the answer'), {
    code: 'E_LIMIT_EXCEEDED',
    message: /^the answer: /,
  });
});

test('a stream without end is destroyed at the limit', async (t) => {
  const endless = new Readable({
    read() {
      this.push(Buffer.alloc(1000));
    },
  });
  await t.throwsAsync(collect(endless, 5000, 'x'), { code: 'E_LIMIT_EXCEEDED' });
  t.true(endless.destroyed);
});
