// Puts the compiled command line and the packages that most runs need into one file, dist/program: Node takes long to
// find, load and compile some five hundred small ones. What V8 compiles of it in a few usual runs is kept beside it. Packages that few
// runs need stay outside, as they are installed. The library is loaded from dist/src as ever.
import { rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { build, type BuildOptions } from 'esbuild';
import { packagesOf } from './importer/bundle-program.ts';
import { leaveOut } from './importer/leave-out.ts';
import { packageLicences } from './importer/licences.ts';
import { compileProgram } from './program/compile.ts';

const root = path.resolve(import.meta.dirname, '../..');
// As deep as dist/src/cli, so that what lies beside the program is found from both.
const folder = path.join(root, 'dist/program/cli');
const file = path.join(folder, 'main.cjs');

const common: BuildOptions = {
  absWorkingDir: root,
  bundle: true,
  platform: 'node',
  target: 'node20',
  // The result depends on no tsconfig.json of this folder or one above it, nor on where a node_modules that is a link leads to.
  tsconfigRaw: {},
  preserveSymlinks: true,
  legalComments: 'none',
  logLevel: 'warning',
};

await rm(path.dirname(folder), { recursive: true, force: true });
const { metafile } = await build({
  ...common,
  entryPoints: ['dist/src/cli/main.js'],
  outfile: file,
  metafile: true,
  // Only of scripts that are no modules does Node let programs keep what was compiled.
  format: 'cjs',
  // Such scripts can load packages in one way only.
  supported: { 'dynamic-import': false },
  define: { 'import.meta.url': 'programUrl' },
  // As bin/load-program.js calls it. Modules are strict.
  banner: {
    js: '(function (module, exports, require, __filename, __dirname) { "use strict"; const programUrl = require("node:url").pathToFileURL(__filename).href;',
  },
  footer: { js: '})' },
  external: ['ssh2', 'undici'],
  // With all that it brings along, gRPC above all, dockerode takes 0.13 s to load.
  plugins: [leaveOut],
});
// The thread that hashes is a program of its own, which lies beside who starts it.
await build({
  ...common,
  entryPoints: ['dist/src/bundle/hash-thread-worker.js'],
  outfile: path.join(folder, 'hash-thread-worker.js'),
  format: 'esm',
});
const licences = await packageLicences(root, packagesOf(Object.keys(metafile.inputs)));
await writeFile(path.join(folder, 'licences.txt'), licences);
await compileProgram(root, file);
