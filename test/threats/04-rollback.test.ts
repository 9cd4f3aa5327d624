import { existsSync } from 'node:fs';
import { copyFile, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { noHome } from '../../src/cli/context.ts';
import { PackferryError } from '../../src/core/errors.ts';
import { historyReport } from '../../src/schema/reports-history.ts';
import { importReport, verifyReport } from '../../src/schema/reports.ts';
import { MemoryOutput } from '../helpers/cli-run.ts';
import { builtAt, days, recordsOf, withStream } from '../helpers/stream-site.ts';

test('threat 4: 42 and then 41 is refused, and no target is touched', async (t) => {
  await withStream(t, async ({ made, accepted, refused }) => {
    const older = await made(41);
    await accepted(await made(42));
    const names = ['soc 41 is older than soc 42', `accepted on ${builtAt.toISOString()}`, '--allow-rollback'];
    await refused(older, { code: 'E_ROLLBACK', names });
  });
});

test('threat 4: two different bundles with the number 42 raise the alarm, which no reason overrides', async (t) => {
  await withStream(t, async ({ made, accepted, refused }) => {
    const other = await made(42, 'other', undefined, days(1));
    await accepted(await made(42));
    const alarm = {
      code: 'E_EQUIVOCATION',
      names: ['ALARM', 'both soc 42', 'another channel'],
      options: { now: days(1) },
    };
    await refused(other, alarm);
    await refused(other, { ...alarm, more: ['--allow-rollback', 'the operator insists'] });
  });
});

test('threat 4: an alarm is also raised for an old number under which another bundle was accepted', async (t) => {
  await withStream(t, async ({ made, accepted, refused }) => {
    const other = await made(41, 'other', undefined, days(1));
    await accepted(await made(41));
    await accepted(await made(42));
    await refused(other, {
      code: 'E_EQUIVOCATION',
      names: ['both soc 41'],
      more: ['--allow-rollback', 'the operator insists'],
      options: { now: days(1) },
    });
  });
});

test('threat 4: an operator goes back with a reason, which is remembered and reported; the mark stays', async (t) => {
  await withStream(t, async ({ made, accepted, imported, verified, refused, history, historyFile }) => {
    const [older, newer] = [await made(41), await made(42)];
    await accepted(newer);
    const why = ['--allow-rollback', 'playbook X breaks with 42'];
    const checked = await verified(older, [...why, '--json']);
    t.deepEqual(verifyReport.parse(JSON.parse(checked.stdout)).standing, {
      is: 'rollback',
      highest: 42,
      rollback: { from: 42, reason: 'playbook X breaks with 42' },
    });
    t.is((await recordsOf(historyFile)).length, 2, 'verify remembers nothing');

    const ran = await accepted(older, [...why, '--json']);
    t.regex(ran.stderr, /warning: going back from soc 42 to soc 41: playbook X breaks with 42/);
    t.is(importReport.parse(JSON.parse(ran.stdout)).bundle.standing?.is, 'rollback');
    t.like((await recordsOf(historyFile)).at(-1), {
      kind: 'accepted',
      sequence: 41,
      rollback: { from: 42, reason: 'playbook X breaks with 42' },
    });
    await refused(older, { code: 'E_ROLLBACK', names: ['soc 42'] });
    const again = await imported(newer, ['--json']);
    t.is(importReport.parse(JSON.parse(again.stdout)).bundle.standing?.is, 'again');
    const shown = await history(['soc']);
    t.regex(shown.stdout, /41 .* from 42: playbook X breaks with 42/);
  });
});

for (const [what, reason] of Object.entries({
  'no reason': ' ',
  'a reason of several lines': 'a\nb',
  'a very long reason': 'x'.repeat(501),
})) {
  test(`threat 4: ${what} is no reason to go back`, async (t) => {
    await withStream(t, async ({ made, imported }) => {
      const { status, stderr } = await imported(await made(1), ['--allow-rollback', reason]);
      t.is(status, 2, stderr);
      t.regex(stderr, /error\[E_USAGE\]: --allow-rollback: a reason is one line/);
    });
  });
}

test('threat 4: where the policy allows no way back, no reason helps, and no stream is reset', async (t) => {
  await withStream(t, async ({ made, accepted, refused, history, writePolicy }) => {
    const older = await made(41);
    await accepted(await made(42));
    await writePolicy({ allowRollback: false });
    const names = ['soc 41', 'the policy of this site allows no way back'];
    await refused(older, { code: 'E_ROLLBACK', names, more: ['--allow-rollback', 'the operator insists'] });
    const { status, stderr } = await history(['soc', '--reset', 'the operator insists']);
    t.is(status, 4, stderr);
    t.regex(stderr, /error\[E_ROLLBACK\]: the policy of this site allows no way back/);
    await refused(older, { code: 'E_ROLLBACK', names });
  });
});

test('threat 4: streams do not bear on each other', async (t) => {
  await withStream(t, async ({ made, accepted, manifest, at, refused }) => {
    const text = await readFile(manifest, 'utf8');
    await writeFile(at('dmz.yml'), text.replace('name: soc', 'name: dmz'));
    await accepted(await made(42));
    const ran = await accepted(await made(7, 'dmz-7', at('dmz.yml')));
    t.regex(ran.stderr, /warning: the first bundle of dmz here/);
    await refused(await made(6, 'dmz-6', at('dmz.yml')), { code: 'E_ROLLBACK', names: ['dmz 7'] });
  });
});

test('threat 4: where the history was deleted, it is told that nothing shows what is new', async (t) => {
  await withStream(t, async ({ made, accepted, verified, historyFile }) => {
    const [older, newer] = [await made(41), await made(42)];
    t.regex((await accepted(newer)).stderr, /warning: first use: nothing was accepted here before/);
    t.notRegex((await accepted(newer)).stderr, /first use/);
    await rm(historyFile);
    t.regex((await verified(older, ['--verbose'])).stderr, /first use: .* whether soc 41 is the newest/);
    t.regex((await accepted(older)).stderr, /warning: first use: .*history\.jsonl is lost/);
  });
});

test('threat 4: without a place for a history nothing is imported, and verify says what it cannot know', async (t) => {
  await withStream(t, async ({ made, target, imported, verified }) => {
    const bundle = await made(42);
    const nobody = { home: noHome, state: 'as the user has it' } as const;
    const refused = await imported(bundle, ['--state', ''], nobody);
    t.is(refused.status, 1, refused.stderr);
    t.regex(refused.stderr, /hint: Name a state folder: --state DIR/);
    t.false(existsSync(target));
    const { status, stderr } = await verified(bundle, ['--state', ''], nobody);
    t.is(status, 0, stderr);
    t.regex(stderr, /nothing is remembered here \(no home, no --state DIR\)/);
  });
});

const damages: Readonly<Record<string, (lines: string[]) => string>> = {
  'a number was changed in the last record': (lines) =>
    joined(lines).replace('"sequence":42', '"sequence":40'),
  'a record in the middle was removed': (lines) => joined([...lines.slice(0, 1), ...lines.slice(2)]),
  'the beginning was removed': (lines) => joined(lines.slice(1)),
  'the last record was cut off': (lines) => joined(lines).slice(0, -20),
  'the last newline is missing': (lines) => joined(lines).slice(0, -1),
  'it is empty': () => '',
  'a record stands twice': (lines) => joined([...lines, lines.at(-1) ?? '']),
  'zeros follow, as after a power failure': (lines) => `${joined(lines)}\0\0\0\0`,
  'something else follows': (lines) => `${joined(lines)}{"kind":"accepted"}\n`,
  'a line is endless': (lines) => `${joined(lines)}${'x'.repeat(3_000_000)}`,
};

function joined(lines: readonly string[]): string {
  return lines.map((line) => `${line}\n`).join('');
}

for (const [what, damage] of Object.entries(damages)) {
  test(`threat 4: a damaged history refuses everything, and a person recovers it: ${what}`, async (t) => {
    await withStream(t, async ({ made, accepted, refused, history, historyFile }) => {
      const next = await made(43);
      await accepted(await made(41));
      await accepted(await made(42));
      const lines = (await readFile(historyFile, 'utf8')).trimEnd().split('\n');
      await writeFile(historyFile, damage(lines));
      await refused(next, { code: 'E_STATE_INVALID', names: [historyFile, 'packferry history --recover'] });
      t.is((await history()).status, 4);

      const recovered = await history(['--recover', 'the disk was replaced']);
      t.is(recovered.status, 0, recovered.stderr);
      t.regex(recovered.stderr, /the damaged file is .*history\.jsonl\.damaged-20261123T050000Z/);
      t.is(await readFile(`${historyFile}.damaged-20261123T050000Z`, 'utf8'), damage(lines));
      t.like((await recordsOf(historyFile)).at(-1), { kind: 'recovered', reason: 'the disk was replaced' });
      await accepted(next);
    });
  });
}

test('threat 4: what stands before the damage still counts after a recovery', async (t) => {
  await withStream(t, async ({ made, accepted, refused, history, historyFile }) => {
    const older = await made(40);
    await accepted(await made(41));
    await accepted(await made(42));
    await writeFile(historyFile, (await readFile(historyFile, 'utf8')).slice(0, -20));
    t.is((await history(['--recover', 'power failure'])).status, 0);
    await refused(older, { code: 'E_ROLLBACK', names: ['soc 41'] });
    const whole = await history(['--recover', 'once more']);
    t.is(whole.status, 2, whole.stderr);
    t.regex(whole.stderr, /is not damaged/);
  });
});

test('threat 4: a history that cannot be written refuses the import before a target is touched', async (t) => {
  await withStream(t, async ({ made, imported, historyFile, target }) => {
    await mkdir(historyFile, { recursive: true });
    const { status, stderr } = await imported(await made(1));
    t.is(status, 4, stderr);
    t.regex(stderr, /error\[E_STATE_UNUSABLE\]: .*history\.jsonl/);
    t.false(existsSync(target));
  });
});

test('threat 4: a second copy shows that the history was deleted, cut short or changed', async (t) => {
  await withStream(t, async ({ made, accepted, refused, at, historyFile }) => {
    const copy = at('copy');
    const second = path.join(copy, 'history.jsonl');
    const more = ['--state-copy', copy];
    const older = await made(41);
    await mkdir(copy);
    await accepted(await made(40), more);
    await accepted(await made(42), more);
    t.deepEqual(await readFile(second), await readFile(historyFile));
    const whole = await readFile(historyFile, 'utf8');
    const shorter = whole.split('\n').slice(0, -2).join('\n') + '\n';

    const disagree = { code: 'E_STATE_INVALID', more };
    await rm(historyFile);
    await refused(older, { ...disagree, names: [`${historyFile} is missing`, second] });
    await writeFile(historyFile, shorter);
    await refused(older, { ...disagree, names: [`${historyFile} has 2 records`, 'has 3 records'] });
    await writeFile(historyFile, whole);
    await rm(second);
    await refused(older, { ...disagree, names: [`${second} is missing`] });
    await copyFile(historyFile, second);
    await refused(older, { code: 'E_ROLLBACK', names: ['soc 42'], more });
    await rm(copy, { recursive: true });
    await refused(older, { ...disagree, names: [second] });
  });
});

test('threat 4: a dry run and a verification do not count as acceptance', async (t) => {
  await withStream(t, async ({ made, accepted, verified, historyFile }) => {
    const newer = await made(42);
    await accepted(newer, ['--dry-run']);
    t.is((await verified(newer)).status, 0);
    t.false(existsSync(historyFile));
    await accepted(await made(41));
  });
});

test('threat 4: one image of a bundle counts as the bundle', async (t) => {
  await withStream(t, async ({ made, accepted, refused }) => {
    await accepted(await made(42), ['--image', 'demisto/crypto:1.0.0.1']);
    await refused(await made(41), { code: 'E_ROLLBACK', names: ['soc 42'] });
  });
});

test('threat 4: an import that is cut off in its delivery has counted', async (t) => {
  await withStream(t, async ({ made, imported, refused, historyFile }) => {
    const bundle = await made(42);
    const stop = new AbortController();
    const stderr = new MemoryOutput();
    stderr.on('written', () => {
      if (stderr.text.includes('Loading'))
        stop.abort(new PackferryError('E_INTERRUPTED', 'stopped by the test'));
    });
    t.is((await imported(bundle, [], { signal: stop.signal, stderr })).status, 130);
    t.like((await recordsOf(historyFile)).at(-1), { kind: 'accepted', sequence: 42 });
    await refused(await made(41), { code: 'E_ROLLBACK', names: ['soc 42'] });
    t.is((await imported(bundle)).status, 0);
    t.is((await recordsOf(historyFile)).length, 2, 'the rerun is the same acceptance');
  });
});

test('threat 4: of imports at once every one is judged by those before it, and the history stays whole', async (t) => {
  await withStream(t, async ({ made, imported, history, at }) => {
    const numbers = [41, 42, 43, 44];
    const bundles = await Promise.all(numbers.map((sequence) => made(sequence)));
    const runs = await Promise.all(
      bundles.map((bundle, index) => imported(bundle, ['--to', `oci:${at(`target-${index}`)}`])),
    );
    t.is(runs[3]?.status, 0, runs[3]?.stderr);
    for (const { status, stderr } of runs) {
      if (status !== 0) t.regex(stderr, /error\[E_ROLLBACK\]/);
    }
    const shown = historyReport.parse(JSON.parse((await history(['--json'])).stdout));
    t.is(shown.streams[0]?.highest?.sequence, 44);
    t.is(shown.records, 1 + runs.filter(({ status }) => status === 0).length);
  });
});
