// Puts the compiled command line into few files, dist/program: Node takes long to find and load some three hundred small
// ones. Packages stay outside, as they are installed. The library is loaded from dist/src as ever.
import path from 'node:path';
import { rm } from 'node:fs/promises';
import { build } from 'esbuild';

const root = path.resolve(import.meta.dirname, '../..');
// As deep as dist/src/cli, so that what lies beside the program is found from both.
const outdir = 'dist/program/cli';

await rm(path.join(root, outdir), { recursive: true, force: true });
await build({
  absWorkingDir: root,
  // The thread that hashes is a program of its own, which lies beside who starts it.
  entryPoints: {
    main: 'dist/src/cli/main.js',
    'hash-thread-worker': 'dist/src/bundle/hash-thread-worker.js',
  },
  outdir,
  bundle: true,
  splitting: true,
  packages: 'external',
  platform: 'node',
  target: 'node20',
  format: 'esm',
  logLevel: 'warning',
});
