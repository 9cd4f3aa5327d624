// Runs the tests: AVA on the compiled files. Arguments are patterns of compiled test files, or options of AVA. Ends with
// one line that counts, whatever way the run ended; before it stand again the counts of inputs that were compared with
// ssh-keygen and of those that were made by fuzzing, which the list of tests would bury.
import { spawn } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import process from 'node:process';
import { createInterface } from 'node:readline';

const root = path.resolve(import.meta.dirname, '../..');
const ava = path.join(root, 'node_modules', 'ava', 'entrypoints', 'cli.mjs');
// What programs under test keep for the user must neither come from an earlier run nor stay.
const cache = mkdtempSync(path.join(tmpdir(), 'packferry-cache-'));
// Nor may they touch what this machine remembers of real imports.
const state = path.join(cache, 'state');
mkdirSync(state);
// Tests run as other users too.
chmodSync(cache, 0o755);
chmodSync(state, 0o1777);
const child = spawn(process.execPath, [ava, ...process.argv.slice(2)], {
  cwd: root,
  stdio: ['ignore', 'pipe', 'inherit'],
  env: { ...process.env, XDG_CACHE_HOME: cache, PACKFERRY_STATE: state },
});

let passed = 0;
let faults = 0;
const counts: string[] = [];
createInterface({ input: child.stdout }).on('line', (line) => {
  process.stdout.write(`${line}\n`);
  const plain = line.replace(/\u001b\[[0-9;]*m/g, '').trim();
  if (plain.startsWith('✔ ')) passed += 1;
  if (/^ℹ (?:differential|fuzz): /.test(plain)) counts.push(plain.slice(2));
  // The reporter's summary: failed tests and hooks, exceptions, rejections, files that could not be run.
  const [, number] =
    /^(\d+) (?:tests? failed|hooks? failed|uncaught exceptions?|unhandled rejections?|tests? remained pending)/.exec(
      plain,
    ) ?? [];
  faults += Number(number ?? 0);
});
child.on('close', (status) => {
  // A program that a test has killed may write once more.
  rmSync(cache, { recursive: true, force: true, maxRetries: 10 });
  const failed = status === 0 ? faults : Math.max(1, faults);
  for (const line of counts.sort()) process.stdout.write(`${line}\n`);
  process.stdout.write(`${passed} passed, ${failed} failed\n`);
  process.exitCode = failed === 0 && passed > 0 ? 0 : 1;
});
