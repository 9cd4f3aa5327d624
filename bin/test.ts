// Runs the tests: AVA on the compiled files. Arguments are patterns of compiled test files, or options of AVA. Ends with
// one line that counts, whatever reporter AVA uses.
import { spawn } from 'node:child_process';
import path from 'node:path';
import process from 'node:process';

const root = path.resolve(import.meta.dirname, '../..');
const ava = path.join(root, 'node_modules', 'ava', 'entrypoints', 'cli.mjs');
const child = spawn(process.execPath, [ava, ...process.argv.slice(2)], {
  cwd: root,
  stdio: ['ignore', 'pipe', 'inherit'],
});

let seen = '';
child.stdout.on('data', (chunk: Buffer) => {
  process.stdout.write(chunk);
  seen = (seen + chunk.toString()).slice(-20_000);
});
child.on('close', (status) => {
  const text = seen.replace(/\u001b\[[0-9;]*m/g, '');
  const sum = (pattern: RegExp): number =>
    [...text.matchAll(pattern)].reduce((total, [, number]) => total + Number(number), 0);
  const passed = sum(/^\s*(\d+) tests? passed/gm);
  const faults = sum(
    /^\s*(\d+) (?:tests? failed|hooks? failed|uncaught exceptions?|unhandled rejections?|tests? timed out)/gm,
  );
  const failed = status === 0 ? faults : Math.max(1, faults);
  process.stdout.write(`${passed} passed, ${failed} failed\n`);
  process.exitCode = failed === 0 && passed > 0 ? 0 : 1;
});
