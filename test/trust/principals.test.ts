import test from 'ava';
import { type CountedSigner, countPrincipals } from '../../src/trust/principals.ts';
import { fingerprintOf } from '../../src/trust/public-key.ts';
import { allowedBy } from './fixtures.ts';
import { newEd25519 } from './keys.ts';

/** Four keys, and a signer by each of them under the name of a line or of a certificate. */
const keys = [newEd25519(), newEd25519(), newEd25519(), newEd25519()] as const;

function line(principals: string, key: 0 | 1 | 2 | 3, options = ''): string {
  return `${principals} ${options}${options === '' ? '' : ' '}${keys[key].line}`;
}

function signer(principal: string, key: 0 | 1 | 2 | 3, names = [principal]): CountedSigner {
  return { principal, names, fingerprint: fingerprintOf(keys[key].blob) };
}

/** The line of a key that is admitted by a pattern has no name. */
const anybody = (principal: string, key: 0 | 1 | 2 | 3): CountedSigner => signer(principal, key, []);

const testCount = test.macro(
  (t, lines: readonly string[], signers: readonly CountedSigner[], expected: number) => {
    const { counted, surplus } = countPrincipals(signers, allowedBy(...lines));
    t.is(counted.length, expected);
    t.is(counted.length + surplus.length, signers.length);
    // In whatever order the files of the signatures are read.
    t.is(countPrincipals([...signers].reverse(), allowedBy(...lines)).counted.length, expected);
  },
);

const [alice, bob] = [line('alice', 0), line('bob', 1)];

test('two principals', testCount, [alice, bob], [signer('alice', 0), signer('bob', 1)], 2);
test('nobody', testCount, [alice], [], 0);
test('one key twice', testCount, [alice, bob], [signer('alice', 0), signer('alice', 0)], 1);
test(
  'one principal with two keys',
  testCount,
  [alice, line('alice', 1)],
  [signer('alice', 0), signer('alice', 1)],
  1,
);
test(
  'one principal in two ways of writing',
  testCount,
  [alice, line('Alice', 1)],
  [signer('alice', 0), signer('Alice', 1)],
  1,
);
test(
  'two lists that share a name',
  testCount,
  [line('alice,a@soc', 0), line('a@soc,anna', 1)],
  [signer('alice,a@soc', 0, ['alice', 'a@soc']), signer('a@soc,anna', 1, ['a@soc', 'anna'])],
  1,
);
test(
  'two lists that share nothing',
  testCount,
  [line('alice,a@soc', 0), line('bob,b@soc', 1)],
  [signer('alice,a@soc', 0, ['alice', 'a@soc']), signer('bob,b@soc', 1, ['bob', 'b@soc'])],
  2,
);
test(
  'two names that a third line, which did not sign, calls one',
  testCount,
  [alice, bob, line('alice,bob', 2)],
  [signer('alice', 0), signer('bob', 1)],
  1,
);
test(
  'two names with one key are one principal, whose other key adds nobody',
  testCount,
  [alice, line('bob', 0), bob],
  [signer('alice', 0), signer('bob', 1)],
  1,
);
test('a pattern alone is somebody', testCount, [line('*', 0)], [anybody('*', 0)], 1);
test('two patterns', testCount, [line('a*', 0), line('b*', 1)], [anybody('a*', 0), anybody('b*', 1)], 1);
test(
  'a pattern beside a name that it matches',
  testCount,
  [line('*@soc', 0), line('bob@soc', 1)],
  [anybody('*@soc', 0), signer('bob@soc', 1)],
  1,
);
test(
  'a pattern takes nobody away',
  testCount,
  [alice, bob, line('*', 2)],
  [signer('alice', 0), anybody('*', 2), signer('bob', 1)],
  2,
);
test(
  'two certificates with a name each',
  testCount,
  [line('*@soc', 3, 'cert-authority')],
  [signer('a@soc', 0), signer('b@soc', 1)],
  2,
);
test(
  'the names for which an authority may certify are not one principal',
  testCount,
  [line('a@soc,b@soc', 3, 'cert-authority')],
  [signer('a@soc', 0), signer('b@soc', 1)],
  2,
);
test(
  'two certificates for one name',
  testCount,
  [line('*@soc', 3, 'cert-authority')],
  [signer('a@soc', 0), signer('a@soc', 1)],
  1,
);
test(
  'a certificate with two names may be the other one',
  testCount,
  [line('*@soc', 3, 'cert-authority')],
  [signer('a@soc', 0, ['a@soc', 'b@soc']), signer('b@soc', 1)],
  1,
);
test(
  'a certificate with two names of one line is that principal',
  testCount,
  [line('*@soc', 3, 'cert-authority'), line('a@soc,anna@soc', 2)],
  [signer('a@soc', 0, ['a@soc', 'anna@soc']), signer('b@soc', 1)],
  2,
);
test(
  'a certificate for the name of a key',
  testCount,
  [line('*', 3, 'cert-authority'), alice],
  [signer('alice', 0), signer('alice', 1)],
  1,
);
test(
  'a certificate gives a key of bob another name',
  testCount,
  [line('*', 3, 'cert-authority'), line('bob', 0), bob],
  [signer('alice', 0), signer('bob', 1)],
  1,
);
test(
  'one key with two certificates beside one of its names',
  testCount,
  [line('*', 3, 'cert-authority')],
  [signer('alice', 0), signer('bob', 0), signer('bob', 1)],
  1,
);
