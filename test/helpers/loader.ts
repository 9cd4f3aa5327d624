import { mkdir, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { openImporter } from '../../src/bundle/importer-file.ts';
import { loaderText } from '../../src/bundle/loader.ts';
import { makeTrust, withBundleFixture, withFolder } from './bundle-fixture.ts';
import { writeStandIn } from './importer-file.ts';
import { execOk, execTool, writeExecutable, type ExecOptions, type ExecResult } from './system-exec.ts';
import { systemTools, type Need } from './system-tools.ts';

/** A shell that load.sh has to run in, and the tools that it has there. */
export interface LoaderMachine {
  readonly title: string;
  readonly needs: readonly Need[];
  readonly shell: readonly string[];
  /** Has it an ssh-keygen? If not, openssl does the checking. */
  readonly keygen: boolean;
  /** Nothing but busybox and openssl: no GNU tools. */
  readonly bare?: boolean;
}

const shells: readonly (readonly [string, readonly Need[], readonly string[]])[] = [
  ['dash', ['dash'], ['dash']],
  ['bash', ['bash'], ['bash']],
  ['busybox sh', ['busybox'], ['busybox', 'sh']],
];

/** Each shell, with ssh-keygen and without. */
export const loaderMachines: readonly LoaderMachine[] = [
  ...shells.flatMap(([title, needs, shell]) => [
    { title: `${title}, ssh-keygen`, needs: [...needs, 'ssh-keygen' as const], shell, keygen: true },
    { title: `${title}, openssl`, needs: [...needs, 'openssl' as const], shell, keygen: false },
  ]),
  {
    title: 'busybox alone, openssl',
    needs: ['busybox', 'openssl'],
    shell: ['busybox', 'sh'],
    keygen: false,
    bare: true,
  },
];

/** Every shell, either way of checking and bare tools, but not every pair of them: for what comes before or after the signatures. */
export const shellMachines: readonly LoaderMachine[] = loaderMachines.filter(({ title }) =>
  ['dash, ssh-keygen', 'bash, openssl', 'busybox sh, ssh-keygen', 'busybox alone, openssl'].includes(title),
);

/** What load.sh uses, beside what checks signatures and loads images. */
const commonTools = [
  'awk',
  'cat',
  'cut',
  'date',
  'dd',
  'env',
  'getent',
  'grep',
  'id',
  'ls',
  'mktemp',
  'od',
  'rm',
];
const moreTools = ['runuser', 'sed', 'sha256sum', 'sha512sum', 'su', 'tee', 'tr', 'wc'];

/** Makes it when it is asked for first, and never again. */
function memo<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => (made ??= make());
}

/** Where these tools are, each behind its name. */
const installedTools = memo(async (): Promise<(readonly [string, string])[]> => {
  const places = `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin`;
  const look = 'PATH=$1; shift; for tool; do echo "$tool $(command -v "$tool")"; done';
  const found = await execOk('sh', ['-c', look, 'sh', places, ...commonTools, ...moreTools]);
  return [...found.matchAll(/^(\S+) (.+)$/gm)].map(([, tool = '', file = '']) => [tool, file]);
});

const busyboxTools = memo(async (): Promise<(readonly [string, string])[]> => {
  const busybox = systemTools().path('busybox');
  const applets = (await execOk(busybox, ['--list'])).split('\n');
  const tools = [...commonTools, ...moreTools].filter((tool) => applets.includes(tool));
  return tools.map((tool) => [tool, busybox]);
});

/** A folder with links to these programs alone, for PATH. */
export async function toolFolder(
  folder: string,
  machine: Pick<LoaderMachine, 'keygen' | 'bare'>,
): Promise<string> {
  const tools = path.join(folder, 'tools');
  await mkdir(tools);
  const found = await (machine.bare === true ? busyboxTools() : installedTools());
  for (const [tool, file] of found) await symlink(file, path.join(tools, tool));
  await symlink(
    systemTools().path(machine.keygen ? 'ssh-keygen' : 'openssl'),
    path.join(tools, machine.keygen ? 'ssh-keygen' : 'openssl'),
  );
  return tools;
}

export interface LoaderRun extends Pick<ExecOptions, 'cwd' | 'uid'> {
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** A bundle on such a machine, signed with a P-256 key, which both ways can check. */
export interface LoaderSite {
  readonly folder: string;
  /** The bundle; its name has a blank. */
  readonly dir: string;
  readonly trust: Awaited<ReturnType<typeof makeTrust>>;
  /** The file of trusted keys, where the key stands for `builder`. */
  readonly allowed: string;
  /** The folder of the tools. */
  readonly tools: string;
  /** Runs the copy of load.sh that came on another way. */
  run(run: LoaderRun): Promise<ExecResult>;
  /** `load.sh --check allowed_signers NAMES BUNDLE`, from another folder. */
  check(names?: string, env?: LoaderRun['env']): Promise<ExecResult>;
}

/** A bundle that has packs and an importer in it: every site gets a copy. */
const sample = memo(() =>
  withBundleFixture(async ({ folder, content, write }) => {
    const dir = path.join(folder, 'bundle');
    const trust = await makeTrust('builder', 'ecdsa-p256');
    const zip = path.join(folder, 'HelloWorld.zip');
    await writeFile(zip, 'the bytes of a pack');
    const importer = await openImporter(await writeStandIn(path.join(folder, 'importer')));
    const packs = [{ id: 'HelloWorld', version: '1.2.3', zip }];
    await write(dir, { content: { ...content(), packs, importer }, signers: [trust.signer] });
    const entries = await readdir(dir, { recursive: true, withFileTypes: true });
    const files = entries
      .filter((entry) => entry.isFile())
      .map(async (entry) => {
        const file = path.join(entry.parentPath, entry.name);
        const { mode } = await stat(file);
        return { name: path.relative(dir, file), mode, bytes: await readFile(file) };
      });
    return { trust, files: await Promise.all(files) };
  }),
);

/** Runs with a bundle that has packs and an importer in it. */
export async function withLoaderSite(
  machine: LoaderMachine,
  use: (site: LoaderSite) => Promise<void>,
): Promise<void> {
  const { trust, files } = await sample();
  await withFolder(async (folder) => {
    const dir = path.join(folder, 'a bundle');
    for (const { name, mode, bytes } of files) {
      await mkdir(path.dirname(path.join(dir, name)), { recursive: true });
      await writeFile(path.join(dir, name), bytes, { mode });
    }
    const allowed = path.join(folder, 'allowed_signers');
    await writeFile(allowed, trust.allowedLine);
    const script = path.join(folder, 'load.sh');
    await writeFile(script, loaderText());
    const tools = await toolFolder(folder, machine);
    const [shell = '', ...first] = machine.shell;
    const command = systemTools().path(shell as 'dash');
    const run: LoaderSite['run'] = ({ args, env = {}, ...options }) =>
      execTool(command, [...first, script, ...args], {
        cwd: folder,
        env: { PATH: tools, HOME: folder, ...env },
        ...options,
      });
    const check: LoaderSite['check'] = (names = 'builder', env = {}) =>
      run({ args: ['--check', 'allowed_signers', names, 'a bundle'], env });
    await use({ folder, dir, trust, allowed, tools, run, check });
  });
}

/** Puts a program, as a text for sh, into the tools of a machine. */
export async function putTool(tools: string, name: string, script: string): Promise<void> {
  // What stands there may be a link to the real one.
  await rm(path.join(tools, name), { force: true });
  await writeExecutable(path.join(tools, name), `#!/bin/sh\n${script}`);
}
