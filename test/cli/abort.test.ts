import { readdir } from 'node:fs/promises';
import test from 'ava';
import { PackferryError } from '../../src/core/errors.ts';
import { failureReport } from '../../src/schema/reports.ts';
import { MemoryOutput, runCli, type Ran } from '../helpers/cli-run.ts';
import { withSite, type Site } from '../helpers/cli-site.ts';

/** Runs a command and interrupts it as soon as it says `when`; before it starts when that is empty. */
async function interruptedAt(argv: readonly string[], when: string): Promise<Ran> {
  const stop = new AbortController();
  const stderr = new MemoryOutput();
  const abort = (): void => {
    if (stderr.text.includes(when)) stop.abort(new PackferryError('E_INTERRUPTED', 'stopped by the test'));
  };
  stderr.on('written', abort);
  if (when === '') abort();
  return runCli(argv, { signal: stop.signal, stderr });
}

const stopped = test.macro({
  async exec(t, command: (site: Site) => readonly string[], when: string, isExported = false) {
    await withSite(async (site) => {
      if (isExported) t.is((await runCli(site.exporting)).status, 0);
      const ran = await interruptedAt([...command(site), '--json'], when);
      t.is(ran.status, 130, ran.stderr);
      t.deepEqual(failureReport.parse(JSON.parse(ran.stdout)).error, {
        code: 'E_INTERRUPTED',
        message: 'stopped by the test',
      });
      t.true(ran.stderr.endsWith('error[E_INTERRUPTED]: stopped by the test\n'), ran.stderr);
      t.false(/operation was aborted|failed/.test(ran.stderr), ran.stderr);
      const names = await readdir(site.folder);
      t.false(names.includes('packferry.lock.json'));
      if (names.includes('bundle') && !isExported)
        t.false((await readdir(site.bundle)).includes('SHA256SUMS.sig'));
    });
  },
  title: (what) => `interrupted: ${what}`,
});

const plan = ({ manifest }: Site): readonly string[] => ['plan', manifest];
const lock = ({ manifest }: Site): readonly string[] => ['lock', manifest];
const exporting = (site: Site): readonly string[] => site.exporting;
const importing = ({ importing: argv, at }: Site): readonly string[] => [
  ...argv,
  '--to',
  `oci:${at('target')}`,
];
test('plan before it starts', stopped, plan, '');
test('plan when it has scanned', stopped, plan, 'scanned');
test('plan while it resolves', stopped, plan, 'resolved');
test('lock while it resolves', stopped, lock, 'Resolving');
test('export before it starts', stopped, exporting, '');
test('export while it resolves', stopped, exporting, 'resolved');
test('export while it pulls', stopped, exporting, 'pulled');
test('import before it starts', stopped, importing, '', true);
test('import while it verifies', stopped, importing, 'Verifying', true);
test('import while it loads', stopped, importing, 'Loading', true);
