import test from 'ava';
import { giveBack, hold, SlabReader } from '../../src/core/slabs.ts';

/** Puts a text where the reader says. */
function read(reader: SlabReader, text: string): Buffer {
  reader.room().write(text);
  return reader.took(text.length);
}

test('slabs: memory that was given back is used again', (t) => {
  const reader = new SlabReader();
  const first = read(reader, 'first');
  const place = first.byteOffset;
  giveBack(first);
  const second = read(reader, 'second');
  t.is(second.buffer, first.buffer);
  t.is(second.byteOffset, place);
  reader.leave();
});

test('slabs: what somebody still holds does not change', (t) => {
  const reader = new SlabReader();
  const bytes = read(reader, 'kept');
  hold(bytes.subarray(1));
  giveBack(bytes);
  for (let at = 0; at < 100_000; at += 1) giveBack(read(reader, 'other bytes'));
  t.is(bytes.toString(), 'kept');
  giveBack(bytes.subarray(1));
  reader.leave();
});

test('slabs: one reader gets what another has left, once it was given back', (t) => {
  const one = new SlabReader();
  const bytes = read(one, 'one');
  one.leave();
  const other = new SlabReader();
  const before = read(other, 'other');
  t.not(before.buffer, bytes.buffer);
  other.leave();
  giveBack(bytes);
  t.is(read(new SlabReader(), 'third').buffer, bytes.buffer);
  t.is(before.toString(), 'other');
});

test('slabs: there is always room for a whole read', (t) => {
  const reader = new SlabReader();
  for (let at = 0; at < 100; at += 1) {
    t.true(reader.room().length >= 32 * 1024);
    reader.took(Math.min(reader.room().length, 50_000));
  }
});

test('slabs: bytes of others are left alone', (t) => {
  const bytes = Buffer.from('mine');
  hold(bytes);
  giveBack(bytes);
  giveBack(bytes);
  t.is(bytes.toString(), 'mine');
});
