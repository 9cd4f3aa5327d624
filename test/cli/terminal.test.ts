import { spawn } from 'node:child_process';
import process from 'node:process';
import test from 'ava';
import { launcher } from '../helpers/cli.ts';
import { runCli } from '../helpers/cli-run.ts';
import { withSite } from '../helpers/cli-site.ts';
import { execTool } from '../helpers/system-exec.ts';

interface Typed {
  readonly status: number;
  readonly screen: string;
}

/** Runs packferry in a real terminal, which util-linux's `script` makes, and types an answer when it asks. */
async function inTerminal(argv: readonly string[], question: string, answer: string): Promise<Typed> {
  const quoted = [process.execPath, launcher, ...argv].map((word) => `'${word}'`).join(' ');
  const env = { ...process.env, TERM: 'xterm', CI: '' };
  const child = spawn('script', ['--quiet', '--return', '--command', quoted, '/dev/null'], { env });
  let screen = '';
  let asked = false;
  child.stdout.on('data', (chunk: Buffer) => {
    screen += chunk.toString();
    if (asked || !screen.includes(question)) return;
    asked = true;
    child.stdin.write(answer);
  });
  const status = await new Promise<number | null>((resolve) => child.once('close', resolve));
  return { status: status ?? 128, screen };
}

test.serial(
  'on a real terminal: bars while it verifies, a question, and the terminal as it was',
  async (t) => {
    const tool = await execTool('script', ['--version']).catch(() => undefined);
    if (tool?.stdout.includes('util-linux') !== true) {
      const line = `left out: ${t.title} (no script of util-linux)`;
      t.log(line);
      process.stderr.write(`${line}\n`);
      t.pass();
      return;
    }
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
