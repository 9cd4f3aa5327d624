// Makes a fresh clone ready: installs the locked packages and compiles, each only when needed. Then, with
// `--run FILE [ARGUMENT...]`, goes on with that compiled script. Uses nothing but Node.
import './check-node.js';
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

function run(what, command, args, options = {}) {
  const result = spawnSync(command, args, { cwd: root, stdio: ['ignore', 2, 2], ...options });
  if (result.error ?? result.status !== 0) {
    process.stderr.write(`${what} failed: ${result.error?.message ?? `exit status ${result.status}`}\n`);
    process.exit(1);
  }
}

// The packages: `npm ci` when the lock file is not the one that was installed last.
const lock = createHash('sha256')
  .update(readFileSync(path.join(root, 'package-lock.json')))
  .digest('hex');
const marker = path.join(root, 'node_modules', '.packferry-lock');
if (!existsSync(marker) || readFileSync(marker, 'utf8') !== lock) {
  process.stderr.write('Installing the packages (npm ci) ...\n');
  const npm = process.env.npm_execpath;
  const args = ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
  if (npm !== undefined && /\.c?js$/.test(npm)) run('npm ci', process.execPath, [npm, ...args]);
  else run('npm ci', process.platform === 'win32' ? 'npm.cmd' : 'npm', args);
  writeFileSync(marker, lock);
}

run('The compiler', process.execPath, ['node_modules/typescript/bin/tsc', '-p', '.']);

// The same command line in one file, when the compiler has changed anything since they were made.
const timeOf = (name) => statSync(path.join(root, 'dist', name), { throwIfNoEntry: false })?.mtimeMs ?? 0;
if (timeOf('program/cli/main.cjs') <= timeOf('.tsbuildinfo')) {
  run('The bundler', process.execPath, ['dist/bin/program.js']);
}

const at = process.argv.indexOf('--run');
if (at > 0) {
  const [script, ...args] = process.argv.slice(at + 1);
  const result = spawnSync(process.execPath, [path.join(root, script), ...args], { stdio: 'inherit' });
  process.exit(result.status ?? 1);
}
