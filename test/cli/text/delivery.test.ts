import test from 'ava';
import { PackferryError } from '../../../src/core/errors.ts';
import { deliverySummary, deliveryTable, troubleAhead } from '../../../src/cli/text/delivery.ts';
import type { TargetReport } from '../../../src/schema/reports.ts';

const target: TargetReport = {
  name: 'docker:',
  images: [
    { reference: 'acme/a:1', status: 'loaded', bytesSent: 1024, bytesSkipped: 3072 },
    { reference: 'acme/b:1', status: 'present', bytesSent: 0, bytesSkipped: 2048 },
    {
      reference: 'acme/c:1',
      status: 'failed',
      bytesSent: 0,
      bytesSkipped: 0,
      error: { code: 'E_TAG_CONFLICT', message: 'acme/c:1 is\u001b[2J taken', hint: 'Move the name.' },
    },
  ],
};

test('what was sent stands beside what was saved, and a failure beside its reason and what to do', (t) => {
  const lines = deliveryTable({ targets: [target], dryRun: false }).split('\n');
  const cells = lines.map((line) => line.trim().split(/ {2,}/));
  t.deepEqual(cells.slice(0, 4), [
    ['STATUS', 'SENT', 'SAVED', 'IMAGE'],
    ['loaded', '1.0 KiB', '3.0 KiB', 'acme/a:1'],
    ['present', '0 B', '2.0 KiB', 'acme/b:1'],
    ['failed', '0 B', '0 B', 'acme/c:1'],
  ]);
  t.regex(lines[4] ?? '', /^E_TAG_CONFLICT: acme\/c:1 is.* taken$/);
  t.false(lines.join('\n').includes('\u001b'), 'control characters are shown as such');
  t.is(lines[5], '  hint: Move the name.');
});

test('in a dry run nothing was sent, and nobody says so of a target that cannot be asked', (t) => {
  const error = { code: 'E_ENGINE_UNREACHABLE', message: 'no answer' } as const;
  const report = { targets: [{ ...target, error }], dryRun: true };
  t.true(deliveryTable(report).includes('nothing would be sent: no answer'));
  t.true(deliverySummary('soc 1', report).join().includes('nothing would be sent'));
});

test('trouble with a target ahead: which one, what to do, and whether that helps this run', (t) => {
  const hint = 'Start it.';
  const off = new PackferryError('E_ENGINE_UNREACHABLE', 'docker: is off', { hint });
  t.is(
    troubleAhead('docker:', off, true),
    'docker: is off. Start it. There is time to put that right until the bundle is verified.',
  );
  const bare = new PackferryError('E_SSH_UNREACHABLE', 'nobody is there');
  t.is(
    troubleAhead('ssh://a', bare, false),
    'ssh://a: nobody is there. The bundle is verified all the same.',
  );
});
