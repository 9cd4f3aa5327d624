import path from 'node:path';
import { build, type Plugin } from 'esbuild';
import { importerMark } from '../../src/bundle/importer-file.ts';
import { leaveOut } from './leave-out.ts';

export interface Program {
  /** One CommonJS file that needs nothing but Node. */
  readonly text: string;
  /** Folders of the packages that are in it, sorted, relative to the project. */
  readonly packages: readonly string[];
}

const threadProgram = 'src/bundle/hash-thread-program.ts';
const threadWorker = 'src/bundle/hash-thread-worker.ts';

/** The program of the thread is a file of its own, and there are none in the importer: its text is built in instead. */
const buildThreadIn: Plugin = {
  name: 'build-thread-in',
  setup: (bundler) => {
    const root = bundler.initialOptions.absWorkingDir ?? '';
    bundler.onLoad({ filter: /hash-thread-program\.ts$/ }, async ({ path: file }) => {
      if (path.relative(root, file) !== threadProgram) return undefined;
      const { outputFiles } = await build({
        ...{ absWorkingDir: root, entryPoints: [threadWorker], bundle: true, write: false },
        ...{ platform: 'node', target: 'node20', format: 'cjs', preserveSymlinks: true },
      });
      const program = { source: outputFiles[0]?.text ?? '', isText: true };
      return { contents: `export const hashThreadProgram = ${JSON.stringify(program)};` };
    });
  },
};

/** Makes one file of the command line and its packages. The same sources give the same text, wherever they lie. */
export async function bundleProgram(
  root: string,
  tool: { readonly name: string; readonly version: string },
): Promise<Program> {
  const { outputFiles, metafile } = await build({
    absWorkingDir: root,
    entryPoints: ['bin/importer/entry.ts'],
    outfile: 'packferry.cjs',
    bundle: true,
    write: false,
    metafile: true,
    platform: 'node',
    target: 'node20',
    format: 'cjs',
    // A program inside a binary can load modules in one way only.
    supported: { 'dynamic-import': false },
    define: { packferryTool: JSON.stringify(tool) },
    banner: { js: `// ${importerMark(tool.version)}` },
    // node_modules may be a link; the names of the modules are to be the same then.
    preserveSymlinks: true,
    legalComments: 'none',
    plugins: [leaveOut, buildThreadIn],
    // package.json is not there to be found by its place; the entry says what stands in it.
    logOverride: { 'empty-import-meta': 'silent' },
    logLevel: 'warning',
  });
  const [file] = outputFiles;
  if (file === undefined) throw new Error('esbuild wrote nothing');
  return { text: file.text, packages: packagesOf(Object.keys(metafile.inputs)) };
}

/** The folders of the packages that files belong to, sorted. */
export function packagesOf(files: readonly string[]): string[] {
  const folders = files.flatMap((file) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(file)?.[0] ?? []);
  return [...new Set(folders)].map((folder) => path.posix.normalize(folder)).sort();
}
