import { randomBytes } from 'node:crypto';
import test from 'ava';
import { PackferryError } from '../../src/core/errors.ts';
import { limits } from '../../src/core/limits.ts';
import { decodeArmor, encodeArmor } from '../../src/trust/armor.ts';
import { fault } from './fixtures.ts';

const fail = (reason: string): PackferryError => new PackferryError('E_SIGNATURE_INVALID', reason);
const decode = (text: string): Buffer => decodeArmor(Buffer.from(text, 'latin1'), fail);
const begin = '-----BEGIN SSH SIGNATURE-----';
const end = '-----END SSH SIGNATURE-----';

test('blobs of every length round a line come back', (t) => {
  for (let length = 1; length < 220; length += 1) {
    const blob = randomBytes(length);
    t.deepEqual(decode(encodeArmor(blob)), blob);
  }
});

test('lines are 70 characters wide, and the last line feed may be absent', (t) => {
  const text = encodeArmor(Buffer.alloc(105));
  t.is(text, `${begin}\n${'A'.repeat(70)}\n${'A'.repeat(70)}\n${end}\n`);
  t.is(decode(text.trimEnd()).length, 105);
});

test('lines of another width are read', (t) => {
  t.deepEqual(decode(`${begin}\nAA\nAAA\nA==\n${end}\n`), Buffer.alloc(4));
});

const isRefused = test.macro({
  exec: (t, text: string) => {
    t.throws(() => decode(text), fault('E_SIGNATURE_INVALID'));
  },
  title: (given) => `refused: ${given ?? ''}`,
});

test('an empty file', isRefused, '');
test('no BEGIN line', isRefused, `AAAA\n${end}\n`);
test('a byte before BEGIN', isRefused, `\n${begin}\nAAAA\n${end}\n`);
test('a byte order mark', isRefused, `\xef\xbb\xbf${begin}\nAAAA\n${end}\n`);
test('no END line', isRefused, `${begin}\nAAAA\n`);
test('END inside a line', isRefused, `${begin}\nAAAA${end}\n`);
test('no content', isRefused, `${begin}\n${end}\n`);
test('an empty line only', isRefused, `${begin}\n\n${end}\n`);
test('text after END', isRefused, `${begin}\nAAAA\n${end}\nmore\n`);
test('text on the END line', isRefused, `${begin}\nAAAA\n${end} more\n`);
test('two line feeds after END', isRefused, `${begin}\nAAAA\n${end}\n\n`);
test('CRLF lines', isRefused, `${begin}\r\nAAAA\r\n${end}\r\n`);
test('one CRLF line', isRefused, `${begin}\nAAAA\r\n${end}\n`);
test('a blank line', isRefused, `${begin}\nAAAA\n\nAAAA\n${end}\n`);
test('a space', isRefused, `${begin}\nAAAA AAAA\n${end}\n`);
test('a PEM header', isRefused, `${begin}\nComment: x\n\nAAAA\n${end}\n`);
test('missing padding', isRefused, `${begin}\nAA\n${end}\n`);
test('padding in the middle', isRefused, `${begin}\nAA==AAAA\n${end}\n`);
test('pad bits that are not zero', isRefused, `${begin}\nAB==\n${end}\n`);
test('the alphabet of URLs', isRefused, `${begin}\n-_-_\n${end}\n`);
test('a NUL', isRefused, `${begin}\nAA\0AA\n${end}\n`);
test('a letter outside ASCII', isRefused, `${begin}\nAAA\xe9\n${end}\n`);
test('a file over the limit', isRefused, encodeArmor(Buffer.alloc(limits.signature)));
