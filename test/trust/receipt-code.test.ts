import { createHash } from 'node:crypto';
import test from 'ava';
import { readReceiptCode, receiptCode } from '../../src/trust/receipt-code.ts';

const hash = (text: string): string => createHash('sha256').update(text).digest('hex');

test('a code is the first 155 bits of the hash in groups of four, and a check symbol', (t) => {
  t.is(receiptCode('0'.repeat(64)), '0000-0000-0000-0000-0000-0000-0000-0000');
  t.regex(receiptCode('f'.repeat(64)), /^ZZZZ-ZZZZ-ZZZZ-ZZZZ-ZZZZ-ZZZZ-ZZZZ-ZZZ[0-9A-Z]$/);
  // 5 bits each: 00001 00011 00101 00111 ...
  t.true(receiptCode(`08ca7${'0'.repeat(59)}`).startsWith('1357-0000-'));
  t.not(receiptCode(hash('a')), receiptCode(hash('b')));
});

test('a code is read as people write it', (t) => {
  for (let at = 0; at < 200; at += 1) {
    const code = receiptCode(hash(String(at)));
    t.is(readReceiptCode(code), code);
    t.is(readReceiptCode(code.toLowerCase().replaceAll('-', ' ')), code);
    t.is(readReceiptCode(` ${code.replaceAll('-', '').replaceAll('0', 'O').replaceAll('1', 'l')}\n`), code);
  }
});

test('every single wrong symbol shows, and any two that have changed places', (t) => {
  const symbols = receiptCode(hash('x')).replaceAll('-', '');
  for (let at = 0; at < symbols.length; at += 1) {
    for (const other of '0123456789ABCDEFGHJKMNPQRSTVWXYZ') {
      if (other === symbols[at]) continue;
      t.is(readReceiptCode(`${symbols.slice(0, at)}${other}${symbols.slice(at + 1)}`), undefined);
    }
    for (let to = at + 1; to < symbols.length - 1; to += 1) {
      if (symbols[at] === symbols[to]) continue;
      const swapped = [...symbols.split('')];
      [swapped[at], swapped[to]] = [swapped[to] ?? '', swapped[at] ?? ''];
      t.is(readReceiptCode(swapped.join('')), undefined, `${at} and ${to}`);
    }
  }
});

test('what is no code is none', (t) => {
  const code = receiptCode(hash('x'));
  for (const text of ['', code.slice(0, -1), `${code}0`, code.replace(/^./, 'U'), code.replace(/^./, '*')]) {
    t.is(readReceiptCode(text), undefined, text);
  }
});
