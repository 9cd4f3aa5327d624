import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Writable } from 'node:stream';
import { pathToFileURL } from 'node:url';
import type { Script } from 'node:vm';
import { ociLayoutContent } from '../../src/archive/oci-content.ts';
import { processContext, type Context } from '../../src/cli/context.ts';
import type * as Program from '../../src/cli/main.ts';
import { serveContent } from '../../src/registry/server.ts';
import { sampleImagesFor, writeOciLayout } from '../demo/sample-images.ts';

/** bin/load-program.js. */
interface Loader {
  readonly loadProgram: (file: string) => { readonly program: typeof Program; readonly script: Script };
  readonly keepCompiled: (file: string, script: Script) => void;
}

const reference = 'demisto/python3:3.12.13.1';

/**
 * Lets the program make, verify and import a small bundle, all on this machine, and keeps what V8 has compiled for that in a file
 * beside it.
 */
export async function compileProgram(root: string, file: string): Promise<void> {
  const loader = pathToFileURL(path.join(root, 'bin', 'load-program.js')).href;
  const { loadProgram, keepCompiled } = (await import(loader)) as Loader;
  const { program, script } = loadProgram(file);
  const folder = await mkdtemp(path.join(tmpdir(), 'packferry-build-'));
  try {
    await runUsual(program.run, folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  keepCompiled(file, script);
}

async function runUsual(run: typeof Program.run, folder: string): Promise<void> {
  const layout = path.join(folder, 'registry');
  await writeOciLayout(layout, sampleImagesFor([`docker.io/${reference}`]));
  const registry = await serveContent(await ociLayoutContent(layout), { host: '127.0.0.1', port: 0 });
  try {
    const at = (name: string): string => path.join(folder, name);
    const manifest = ['schema: packferry.export/v1', 'name: build', 'images:', `  - ${reference}`];
    const mirrors = ['registries:', `  docker.io: { mirrors: ["${registry.host}"] }`, ''];
    await writeFile(at('build.yml'), [...manifest, ...mirrors].join('\n'));
    await mkdir(at('home'));
    const command = async (...argv: string[]): Promise<string> => {
      const said: Buffer[] = [];
      const status = await run(argv, contextFor(at('home'), said));
      if (status !== 0) throw new Error(`packferry ${argv.join(' ')}: ${Buffer.concat(said).toString()}`);
      return Buffer.concat(said).toString();
    };
    const keygen = ['-o', at('key'), '--principal', 'build', '--no-passphrase', '--quiet'];
    await writeFile(at('signers'), await command('keygen', ...keygen));
    await command('plan', at('build.yml'));
    await command('export', at('build.yml'), '-o', at('bundle'), '--key', at('key'));
    const trusted = ['--trusted-keys', at('signers')];
    await command('verify', at('bundle'), ...trusted);
    await command('import', at('bundle'), ...trusted, '--to', `oci:${at('imported')}`, '--yes', '--quiet');
  } finally {
    await registry.close();
  }
}

/** Nothing of the user's, whose files might be wrong, is looked at. What is said goes to `said`. */
function contextFor(home: string, said: Buffer[]): Context {
  const output = (): Writable =>
    new Writable({
      write: (chunk: Buffer, _encoding, done) => {
        said.push(chunk);
        done();
      },
    });
  const env = { PACKFERRY_STATE: path.join(home, 'state') };
  const real = processContext(new AbortController().signal);
  return { ...real, env, home, stdout: output(), stderr: output() };
}
