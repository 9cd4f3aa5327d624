import { access, readdir, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import path from 'node:path';
import type { ExecutionContext } from 'ava';
import { openBundle, type OpenBundleOptions, type VerifiedBundle } from '../../src/bundle/open.ts';
import { PackferryError, statusOfErrors } from '../../src/core/errors.ts';
import { silent } from '../../src/core/events.ts';
import type { BundleDocument } from '../../src/schema/bundle.ts';
import { fixtureTime, withBundleFixture, type BundleFixture } from './bundle-fixture.ts';
import { runCli } from './cli-run.ts';
import { blobBytes, memorySource, smallFamily } from './compose.ts';

/** A small bundle for one who means harm: two archives and a pack, and all that is needed to import it. */
export interface ThreatBundle extends Pick<BundleFixture, 'folder' | 'signer' | 'allowed'> {
  readonly dir: string;
  readonly document: BundleDocument;
  /** Names of all files, with those in `packs`. */
  readonly files: readonly string[];
  readonly at: (name: string) => string;
  /** Writes another genuine bundle of the same stream, made later: other archives and another pack. */
  readonly writeLater: (dir: string) => Promise<void>;
  /** Verifies, as the library does. */
  readonly open: (options?: Partial<OpenBundleOptions>) => Promise<VerifiedBundle>;
  /** It is refused with status 4, in words that have `name` in them. Returns the error. */
  readonly refused: (t: ExecutionContext, name: string, what?: string) => Promise<PackferryError>;
  /** The same on the command line, with an engine and a folder as targets: neither is touched. */
  readonly refusedOnCommandLine: (t: ExecutionContext, name: string) => Promise<void>;
}

export async function withThreatBundle<T>(use: (bundle: ThreatBundle) => Promise<T>): Promise<T> {
  return withBundleFixture(async (fixture) => {
    const { folder, allowed, allowedLine } = fixture;
    const dir = path.join(folder, 'bundle');
    const trusted = path.join(folder, 'allowed_signers');
    await writeFile(trusted, allowedLine);
    await writeSmall(fixture, dir, false);
    const { document } = await fixture.open(dir);
    const open: ThreatBundle['open'] = (options = {}) =>
      openBundle(dir, { allowed, now: fixtureTime, emit: silent, ...options });
    return use({
      ...fixture,
      dir,
      document,
      files: await filesOf(dir),
      at: (name) => path.join(dir, name),
      writeLater: (later) => writeSmall(fixture, later, true),
      open,
      refused: async (t, name, what = name) => {
        const error = await t.throwsAsync(open(), { instanceOf: PackferryError }, what);
        t.is(statusOfErrors([error]), 4, what);
        t.true(wordsOf(error).includes(name), `${what}: ${name} is not named in: ${wordsOf(error)}`);
        return error;
      },
      refusedOnCommandLine: (t, name) => refusedImport(t, { dir, folder, trusted }, name),
    });
  });
}

async function writeSmall({ folder, content, write }: BundleFixture, dir: string, later: boolean) {
  const { composed, images } = smallFamily();
  const zip = path.join(folder, 'sample.zip');
  await writeFile(zip, `the bytes of a pack, ${later ? 'changed' : 'at first'}`);
  const [one, two, three] = images.map((image) => ({ image, usedBy: [] }));
  if (one === undefined || two === undefined || three === undefined) throw new Error('no images');
  await write(dir, {
    content: {
      ...content(),
      volumes: later ? [[two, one], [three]] : [[one, two], [three]],
      packs: [{ id: 'Sample', version: '1.0.0', zip }],
    },
    source: memorySource(blobBytes(composed)),
    ...(later ? { now: new Date(fixtureTime.getTime() - 60_000) } : {}),
  });
}

async function filesOf(dir: string): Promise<string[]> {
  const names = await readdir(dir, { recursive: true });
  const isFile = await Promise.all(names.map(async (name) => (await stat(path.join(dir, name))).isFile()));
  return names.filter((_, index) => isFile[index]).sort();
}

/** All that an error says. */
function wordsOf({ message, errors }: PackferryError): string {
  return [message, ...errors.map(wordsOf)].join('\n');
}

/** Import of this bundle is refused with status 4, in words that have `name` in them, and no target is touched. */
export async function refusedImport(
  t: ExecutionContext,
  { dir, folder, trusted }: { readonly dir: string; readonly folder: string; readonly trusted: string },
  name: string,
  more: readonly string[] = [],
): Promise<void> {
  const [socket, target] = [path.join(folder, 'engine.sock'), path.join(folder, 'target')];
  const asked: string[] = [];
  const engine = createServer((connection) => {
    connection.once('data', (bytes: Buffer) => {
      asked.push(bytes.toString('latin1').split('\r\n', 1)[0] ?? '');
      connection.destroy();
    });
    connection.on('error', () => undefined);
  });
  await new Promise<void>((resolve) => engine.listen(socket, resolve));
  try {
    const to = ['--to', `docker:unix://${socket}`, '--to', `oci:${target}`];
    const { status, stderr, stdout } = await runCli([
      'import',
      dir,
      '--trusted-keys',
      trusted,
      ...to,
      ...more,
    ]);
    t.is(status, 4, stderr);
    t.is(stdout, '');
    t.true(stderr.includes(name), `${name} is not named in: ${stderr}`);
    // It may be asked what it has once the signature was found good; nothing is sent to it.
    t.deepEqual(
      asked.filter((line) => !line.startsWith('GET ')),
      [],
    );
    await t.throwsAsync(access(target), { code: 'ENOENT' }, 'the target has not been made');
  } finally {
    await new Promise((resolve) => engine.close(resolve));
  }
}
