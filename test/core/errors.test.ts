import test from 'ava';
import {
  asPackferryError,
  errorCodes,
  messageOf,
  PackferryError,
  statusOfCode,
  statusOfErrors,
  systemCodeOf,
  type ErrorCode,
  type ExitStatus,
} from '../../src/core/errors.ts';

const error = (code: ErrorCode, errors: readonly PackferryError[] = []): PackferryError =>
  new PackferryError(code, code, { errors });

const status = test.macro({
  exec(t, errors: readonly PackferryError[], expected: ExitStatus) {
    t.is(statusOfErrors(errors), expected);
  },
  title: (what, _errors, expected: ExitStatus) => `exit status ${expected}: ${what}`,
});
test('no fault', status, [], 0);
test('an internal fault', status, [error('E_INTERNAL')], 1);
test('a usage fault', status, [error('E_USAGE')], 2);
test('of several kinds the first', status, [error('E_SOURCE_UNREACHABLE'), error('E_LOAD_FAILED')], 5);
test(
  'of several kinds the first, the other way round',
  status,
  [error('E_LOAD_FAILED'), error('E_RATE_LIMITED')],
  6,
);
test(
  'a failed verification wins from behind',
  status,
  [error('E_LOAD_FAILED'), error('E_DIGEST_MISMATCH')],
  4,
);
test(
  'a failed verification wins over an interruption',
  status,
  [error('E_INTERRUPTED'), error('E_SIGNATURE_INVALID')],
  4,
);
test(
  'a failed verification wins deep inside a sum',
  status,
  [error('E_USAGE'), error('E_PARTIAL', [error('E_LOAD_FAILED', [error('E_SIZE_MISMATCH')])])],
  4,
);
test(
  'a sum counts itself, not its parts',
  status,
  [error('E_PARTIAL', [error('E_LOAD_FAILED'), error('E_USAGE')])],
  3,
);
test('a sum without parts counts itself', status, [error('E_PARTIAL')], 3);
test('an interruption', status, [error('E_INTERRUPTED')], 130);
test('a termination', status, [error('E_TERMINATED')], 143);

test('every code has an exit status, and every status but 0 has a code', (t) => {
  const statuses = new Set(errorCodes.map(statusOfCode));
  t.deepEqual(
    [...statuses].sort((a, b) => a - b),
    [1, 2, 3, 4, 5, 6, 130, 143],
  );
  t.true(errorCodes.every((code) => /^E_[A-Z_]+$/.test(code)));
});

test('an error keeps what it was made of', (t) => {
  const cause = new Error('why');
  const part = error('E_IO');
  const fault = new PackferryError('E_USAGE', 'what', { hint: 'do this', cause, errors: [part] });
  t.true(fault instanceof Error);
  t.like(fault, { name: 'PackferryError', code: 'E_USAGE', message: 'what', hint: 'do this', cause });
  t.deepEqual(fault.errors, [part]);
  t.false('cause' in new PackferryError('E_USAGE', 'what'));
});

function systemError(code: string): Error {
  return Object.assign(new Error(`${code}: no luck, open '/x'`), { code });
}

const shaped = test.macro({
  exec(t, thrown: unknown, code: ErrorCode) {
    const fault = asPackferryError(thrown);
    t.is(fault.code, code);
    t.is(fault.cause, thrown);
    t.true(fault.message.includes(messageOf(thrown)));
  },
  title: (what, _thrown, code) => `${what} becomes ${String(code)}`,
});
test('a full disk', shaped, systemError('ENOSPC'), 'E_DISK_FULL');
test('a used up quota', shaped, systemError('EDQUOT'), 'E_DISK_FULL');
test('another fault of the system', shaped, systemError('EACCES'), 'E_IO');
test(
  'a fault with a code that is none of the system',
  shaped,
  systemError('ERR_INVALID_ARG_TYPE'),
  'E_INTERNAL',
);
test('a plain error', shaped, new TypeError('x is undefined'), 'E_INTERNAL');
test('a thrown text', shaped, 'oops', 'E_INTERNAL');

test('a PackferryError stays itself', (t) => {
  const fault = error('E_USAGE');
  t.is(asPackferryError(fault), fault);
});

test('messages and system codes of whatever was thrown', (t) => {
  t.is(messageOf(new Error('x')), 'x');
  t.is(messageOf(new RangeError('')), 'RangeError');
  t.is(messageOf(7), '7');
  t.is(systemCodeOf(systemError('EIO')), 'EIO');
  t.is(systemCodeOf(new Error('x')), undefined);
  t.is(systemCodeOf({ code: 'EIO' }), undefined);
  t.is(systemCodeOf(Object.assign(new Error('x'), { code: 5 })), undefined);
});
