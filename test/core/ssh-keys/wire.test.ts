import test from 'ava';
import { PackferryError } from '../../../src/core/errors.ts';
import { WireReader, wireMpint, wireString, wireUint32 } from '../../../src/core/ssh-keys/wire.ts';
import { fault } from '../../trust/fixtures.ts';

const fail = (reason: string): PackferryError => new PackferryError('E_SIGNATURE_INVALID', reason);
const reader = (hex: string): WireReader => new WireReader(Buffer.from(hex, 'hex'), fail);
const refused = fault('E_SIGNATURE_INVALID');

test('what is written is read back, and nothing is left over', (t) => {
  const bytes = Buffer.concat([
    wireUint32(0xfedcba98),
    wireString(Buffer.of(0, 255)),
    wireString('grüße'),
    wireString(''),
    wireMpint(Buffer.of(0, 0, 0x80, 1)),
    wireMpint(Buffer.of(0x7f)),
  ]);
  const wire = new WireReader(bytes, fail);
  t.is(wire.uint32('number'), 0xfedcba98);
  t.deepEqual(wire.string('bytes'), Buffer.of(0, 255));
  t.is(wire.text('text'), 'grüße');
  t.is(wire.text('empty'), '');
  t.deepEqual(wire.mpint('high'), Buffer.of(0x80, 1));
  t.deepEqual(wire.mpint('low'), Buffer.of(0x7f));
  t.notThrows(() => wire.end('all'));
});

test('mpints are written as the examples of RFC 4251 show', (t) => {
  t.is(wireMpint(Buffer.of(0)).toString('hex'), '00000000');
  t.is(wireMpint(Buffer.from('09a378f9b2e332a7', 'hex')).toString('hex'), '0000000809a378f9b2e332a7');
  t.is(wireMpint(Buffer.of(0x80)).toString('hex'), '000000020080');
});

test('a view into a larger buffer is read from its own start', (t) => {
  const view = new Uint8Array(Buffer.from('ff00000001ff', 'hex')).subarray(1, 5);
  const wire = new WireReader(view, fail);
  t.is(wire.uint32('number'), 1);
  t.throws(() => wire.raw(1, 'more'), refused);
});

const isRefused = test.macro({
  exec: (t, hex: string, read: (wire: WireReader) => unknown) => {
    t.throws(() => read(reader(hex)), refused);
  },
  title: (given) => `refused: ${given ?? ''}`,
});

test('a number cut short', isRefused, '000000', (wire) => wire.uint32('number'));
test('a string without its length', isRefused, '0000', (wire) => wire.string('string'));
test('a string that is longer than what is there', isRefused, '0000000261', (wire) => wire.string('string'));
test('a length of 4 GiB', isRefused, 'ffffffff61', (wire) => wire.string('string'));
test('text that is not UTF-8', isRefused, '00000001ff', (wire) => wire.text('text'));
test('a negative mpint', isRefused, '0000000180', (wire) => wire.mpint('number'));
test('an mpint with a needless zero', isRefused, '00000002007f', (wire) => wire.mpint('number'));
test('an mpint with two zeros', isRefused, '00000003000080', (wire) => wire.mpint('number'));
test('a zero written as a byte', isRefused, '0000000100', (wire) => wire.mpint('number'));
test('a zero', isRefused, '00000000', (wire) => wire.mpint('number'));
test('left-over bytes', isRefused, '0000000000', (wire) => {
  wire.string('string');
  wire.end('string');
});
