import { readFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { openSigner } from '../../src/trust/signer.ts';
import { runCli } from '../helpers/cli-run.ts';
import { signAgain } from '../helpers/signed-again.ts';
import { recordsOf, withStream } from '../helpers/stream-site.ts';

const numbers = ['9007199254740993', '-1', '1e309', '"42"', '42.5', '1e16', 'null', '[42]'];

for (const number of numbers) {
  test(`threat 5: the number ${number} is refused, although it is signed`, async (t) => {
    await withStream(t, async ({ made, refused, key }) => {
      const bundle = await made(42);
      const text = await readFile(path.join(bundle, 'bundle.json'), 'utf8');
      const changed = text.replace('"sequence": 42,', `"sequence": ${number},`);
      t.not(changed, text);
      const signer = await openSigner({ name: key, text: await readFile(key) });
      await signAgain(bundle, signer, { 'bundle.json': Buffer.from(changed) });
      await refused(bundle, { code: 'E_BUNDLE_MALFORMED', names: ['bundle.json', 'sequence'] });
    });
  });
}

test('threat 5: a number too far ahead would shut out all others, and is refused by policy', async (t) => {
  await withStream(t, async ({ made, accepted, refused, writePolicy }) => {
    await writePolicy({ maxSequenceJump: 100 });
    const [next, far] = [await made(142), await made(143)];
    await accepted(await made(42));
    const names = ['soc 143 is 101 above the last number, 42', 'steps of 100 at most', '--reset REASON'];
    await refused(far, { code: 'E_SEQUENCE_JUMP', names });
    await refused(far, { code: 'E_SEQUENCE_JUMP', names, more: ['--allow-rollback', 'no use'] });
    await accepted(next);
    await accepted(far);
  });
});

test('threat 5: after a number that was too high, a person starts the stream anew, which is remembered', async (t) => {
  await withStream(t, async ({ made, accepted, refused, history, historyFile }) => {
    const highest = Number.MAX_SAFE_INTEGER;
    const next = await made(43);
    await accepted(await made(42));
    await accepted(await made(highest));
    await refused(next, { code: 'E_ROLLBACK', names: [`soc ${highest}`] });
    const unknown = await history(['sock', '--reset', 'a slip of the pen']);
    t.is(unknown.status, 2, unknown.stderr);
    t.regex(unknown.stderr, /no bundle of "sock" .*\nhint: Known are: soc\./);
    const reset = await history(['soc', '--reset', 'stolen key, ticket 7']);
    t.is(reset.status, 0, reset.stderr);
    t.like((await recordsOf(historyFile)).at(-1), {
      kind: 'reset',
      stream: 'soc',
      reason: 'stolen key, ticket 7',
    });
    t.regex((await accepted(next)).stderr, /warning: the first bundle of soc here/);
    await refused(await made(41), { code: 'E_ROLLBACK', names: ['soc 43'] });
  });
});

test('threat 5: export takes no number that would be refused', async (t) => {
  for (const number of ['9007199254740993', '-1', '1e309', '4.5', '', '0x10']) {
    const { status, stderr } = await runCli(['export', 'x', '-o', 'y', '--sequence', number]);
    t.is(status, 2, `${number}: ${stderr}`);
    t.regex(stderr, /whole number from 0 to 9007199254740991/);
  }
});
