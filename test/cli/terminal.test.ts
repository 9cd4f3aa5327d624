import test from 'ava';
import { runCli } from '../helpers/cli-run.ts';
import { ScreenOutput } from '../helpers/cli-screen.ts';
import { withSite } from '../helpers/cli-site.ts';
import { hasTerminal, inTerminal } from '../helpers/cli-terminal.ts';
import { startSlow } from '../helpers/cli-slow-registry.ts';

test.serial(
  'on a real terminal: bars while it verifies, a question, and the terminal as it was',
  async (t) => {
    if (!(await hasTerminal(t))) return;
    await withSite(async ({ exporting, importing, at }) => {
      t.is((await runCli(exporting)).status, 0);
      const to = [...importing, '--to', `oci:${at('target')}`];
      const no = await inTerminal(to, 'Load them?', 'n\r');
      t.is(no.status, 0, no.screen);
      t.true(no.screen.includes('Nothing was loaded.'), no.screen);

      const stopped = await inTerminal(to, 'Load them?', '\u0003');
      t.is(stopped.status, 130, stopped.screen);

      const yes = await inTerminal(to, 'Load them?', 'y\r');
      t.is(yes.status, 0, yes.screen);
      t.true(yes.screen.includes('3 loaded, 0 already present'), yes.screen);
      t.true(yes.screen.includes('\u001b[?25l'), 'bars hide the cursor');
      t.true(yes.screen.lastIndexOf('\u001b[?25h') > yes.screen.lastIndexOf('\u001b[?25l'));
    });
  },
);

/** The same text on a terminal of ours, which does not wrap unnoticed. */
function drawn(screen: string, columns: number, rows: number): ScreenOutput {
  const output = new ScreenOutput(columns, rows);
  output.write(screen.replaceAll('\r', '').replaceAll('\u0007', ''));
  return output;
}

const stalls = test.macro({
  async exec(t, columns: number, rows: number, largest: string, total: RegExp) {
    if (!(await hasTerminal(t))) return;
    await withSite(async ({ content, manifestFor, bundle, key }) => {
      const registry = await startSlow(content);
      try {
        const argv = ['export', await manifestFor('slow.yml', registry.host), '-o', bundle, '--key', key];
        // The large layers stall half-way: bars stay until Ctrl-C is typed.
        const size = { columns, rows };
        const { status, screen } = await inTerminal(argv, largest, '\u0003', { size });
        t.is(status, 130, screen);
        const end = screen.indexOf('Interrupted');
        t.true(screen.slice(0, end).lastIndexOf('\u001b[?25h') > screen.lastIndexOf('\u001b[?25l'));
        t.true(screen.includes('error[E_INTERRUPTED]'), screen);

        const frame = screen.slice(0, screen.lastIndexOf('\u001b[?25h'));
        const { lines } = drawn(frame, columns, rows);
        t.regex(lines.at(-1) ?? '', total, lines.join('\n'));
        for (const line of lines) t.true(line.length < columns, line);
        // Nothing of the bars is left.
        const left = drawn(screen, columns, rows).lines.join('\n');
        t.false(/layer of|[\u2588\u2591]/.test(left), left);
      } finally {
        await registry.close();
      }
    });
  },
  title: (_, columns: number, rows: number) =>
    `bars on a real terminal of ${columns} by ${rows}: they fit, and Ctrl-C takes them away`,
});
test.serial(
  stalls,
  80,
  24,
  'layer of demisto/',
  /^ [\u2588\u2591]{12} +[0-9]+% Pulling .* of .*B\/s, .* left$/,
);
test.serial(stalls, 50, 10, 'layer of demisto/', /^ [\u2588\u2591]{7} +[0-9]+% Pulling [^,]*B\/s, .* left$/);
test.serial(
  stalls,
  200,
  50,
  'layer of demisto/',
  /^ [\u2588\u2591]{30} +[0-9]+% Pulling .* of .*B\/s, .* left$/,
);

test.serial('lines on a real terminal that is dumb, or where a build runs', async (t) => {
  if (!(await hasTerminal(t))) return;
  await withSite(async ({ exporting, bundle, trusted }) => {
    t.is((await runCli(exporting)).status, 0);
    const argv = ['verify', bundle, '--trusted-keys', trusted];
    for (const env of [{ TERM: 'dumb' }, { CI: '1' }]) {
      const { status, screen } = await inTerminal(argv, 'none', '', { env });
      t.is(status, 0, screen);
      t.true(screen.includes('verified images-001.tar'), screen);
      t.false(screen.includes('\u001b'), JSON.stringify(screen));
    }
    const { screen } = await inTerminal(argv, 'none', '', { env: { NO_COLOR: '1' } });
    t.true(screen.includes('\u001b[?25l') && !/\u001b\[[0-9;]*m/.test(screen), JSON.stringify(screen));
  });
});
