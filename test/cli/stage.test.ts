import test from 'ava';
import { runCli } from '../helpers/cli-run.ts';

for (const option of [['--stage'], ['--stage-dir', '/data']]) {
  test(`${option.join(' ')} without a target over SSH: nothing can be staged, and nothing is touched`, async (t) => {
    const { status, stderr } = await runCli([
      ...['copy', 'demisto/python3:1', '--to', 'oci:nowhere'],
      ...option,
    ]);
    t.is(status, 2, stderr);
    t.true(stderr.includes('E_USAGE'), stderr);
    t.true(stderr.includes('ssh://'), stderr);
  });
}
