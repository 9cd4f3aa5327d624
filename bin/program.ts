// Puts the compiled command line and the packages that most runs need into few files, dist/program: Node takes long to
// find and load some five hundred small ones. Packages that few runs need stay outside, as they are installed. The library
// is loaded from dist/src as ever.
import { rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { build } from 'esbuild';
import { packagesOf } from './importer/bundle-program.ts';
import { leaveOut } from './importer/leave-out.ts';
import { packageLicences } from './importer/licences.ts';

const root = path.resolve(import.meta.dirname, '../..');
// As deep as dist/src/cli, so that what lies beside the program is found from both.
const outdir = 'dist/program/cli';

await rm(path.join(root, outdir), { recursive: true, force: true });
const { metafile } = await build({
  absWorkingDir: root,
  // The thread that hashes is a program of its own, which lies beside who starts it.
  entryPoints: {
    main: 'dist/src/cli/main.js',
    'hash-thread-worker': 'dist/src/bundle/hash-thread-worker.js',
  },
  outdir,
  bundle: true,
  splitting: true,
  metafile: true,
  external: ['ssh2', 'undici'],
  // With all that it brings along, gRPC above all, dockerode takes 0.13 s to load.
  plugins: [leaveOut],
  platform: 'node',
  target: 'node20',
  format: 'esm',
  // Packages of the older kind load what Node brings by `require`.
  banner: {
    js: "import { createRequire } from 'node:module';\nconst require = createRequire(import.meta.url);",
  },
  legalComments: 'none',
  logLevel: 'warning',
});
const licences = await packageLicences(root, packagesOf(Object.keys(metafile.inputs)));
await writeFile(path.join(root, outdir, 'licences.txt'), licences);
