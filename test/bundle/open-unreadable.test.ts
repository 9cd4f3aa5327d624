import { rmSync } from 'node:fs';
import { open, readFile, stat, truncate, writeFile, type FileHandle } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { openBundle } from '../../src/bundle/open.ts';
import { PackferryError, type ErrorCode } from '../../src/core/errors.ts';
import { silent, type Emit, type Event } from '../../src/core/events.ts';
import { fixtureTime, withBundleFixture } from '../helpers/bundle-fixture.ts';

interface Verification {
  readonly dir: string;
  /** Verifies the bundle and returns what is wrong with it. */
  readonly faultOf: (emit?: Emit, signal?: AbortSignal) => Promise<unknown>;
}

/** A bundle of several archives with a pack in it. */
async function withBundle(use: (verification: Verification) => Promise<void>): Promise<void> {
  await withBundleFixture(async ({ folder, content, write, allowed }) => {
    const dir = path.join(folder, 'bundle');
    const zip = path.join(folder, 'sample.zip');
    await writeFile(zip, 'the bytes of a pack');
    const { volumes, ...rest } = content();
    const single = volumes.flat().map((image) => [image]);
    await write(dir, {
      content: { ...rest, volumes: single, packs: [{ id: 'Sample', version: '1.0.0', zip }] },
    });
    const faultOf: Verification['faultOf'] = (emit = silent, signal = new AbortController().signal) =>
      openBundle(dir, { allowed, now: fixtureTime, emit, signal }).then(
        () => undefined,
        (fault: unknown) => fault,
      );
    await use({ dir, faultOf });
  });
}

/** The codes of all faults with the names of the files, in order. */
function told(fault: unknown): string[] {
  if (!(fault instanceof PackferryError)) return [String(fault)];
  const parts = fault.errors.length === 0 ? [fault] : fault.errors;
  return parts.map(({ code, message }) => `${code} ${message.split(/[:, ]/)[0] ?? ''}`);
}

const grown = test.macro({
  async exec(t, name: string, size: number, code: ErrorCode) {
    await withBundle(async ({ dir, faultOf }) => {
      const planned = (await stat(path.join(dir, name))).size;
      await truncate(path.join(dir, name), size);
      const events: Event[] = [];
      t.deepEqual(told(await faultOf((event) => events.push(event))), [`${code} ${name}`]);
      const read = events.flatMap((event) =>
        event.type === 'progress' && event.item === name ? [event.bytes] : [],
      );
      t.true(
        read.every((bytes) => bytes <= planned),
        'nothing behind the planned end is read',
      );
    });
  },
  title: (what) => `${what} that has grown beyond all bounds is refused, and not read on`,
});
test('an archive', grown, 'images-001.tar', 2 ** 40, 'E_SIZE_MISMATCH');
test('a text', grown, 'README.txt', 2 ** 40, 'E_LIMIT_EXCEEDED');
test('a pack', grown, 'packs/Sample.zip', 2 ** 40, 'E_LIMIT_EXCEEDED');

test('an archive that vanishes during the verification does not hide the damage of another', async (t) => {
  await withBundle(async ({ dir, faultOf }) => {
    const damaged = path.join(dir, 'images-003.tar');
    const bytes = await readFile(damaged);
    bytes.writeUInt8(bytes.readUInt8(600) ^ 1, 600);
    await writeFile(damaged, bytes);
    const fault = await faultOf((event) => {
      if (event.type === 'started' && event.item === 'images-001.tar') {
        rmSync(path.join(dir, 'images-002.tar'));
      }
    });
    t.deepEqual(told(fault), ['E_BUNDLE_INCOMPLETE images-002.tar', 'E_DIGEST_MISMATCH images-003.tar']);
    t.truthy(fault instanceof PackferryError && fault.hint);
  });
});

/** Lets every read of these files fail as a worn-out medium does, while `use` runs. */
async function withBadSectors<T>(files: readonly string[], use: () => Promise<T>): Promise<T> {
  const inodes = new Set(await Promise.all(files.map(async (file) => (await stat(file)).ino)));
  const probe = await open(files[0] ?? '', 'r');
  const proto: object = Reflect.getPrototypeOf(probe) ?? probe;
  await probe.close();
  const read = Reflect.get(proto, 'read') as FileHandle['read'];
  Reflect.set(proto, 'read', async function (this: FileHandle, ...args: Parameters<FileHandle['read']>) {
    if (inodes.has((await this.stat()).ino)) {
      throw Object.assign(new Error('EIO: i/o error, read'), { code: 'EIO', errno: -5, syscall: 'read' });
    }
    return Reflect.apply(read, this, args) as unknown;
  });
  try {
    return await use();
  } finally {
    Reflect.set(proto, 'read', read);
  }
}

test.serial('files that the medium cannot give are all told by name, with status 4', async (t) => {
  await withBundle(async ({ dir, faultOf }) => {
    const names = ['packs/Sample.zip', 'images-001.tar', 'images-003.tar'];
    const files = names.map((name) => path.join(dir, name));
    const fault = await withBadSectors(files, () => faultOf());
    t.deepEqual(
      told(fault),
      names.map((name) => `E_BUNDLE_INCOMPLETE ${name}`),
    );
    const [first] = fault instanceof PackferryError ? fault.errors : [];
    t.truthy(first?.hint);
    t.true(first?.cause instanceof Error && first.cause.message.startsWith('EIO'));
  });
});

test.serial('bundle.json that the medium cannot give is told by name', async (t) => {
  await withBundle(async ({ dir, faultOf }) => {
    const fault = await withBadSectors([path.join(dir, 'bundle.json')], () => faultOf());
    t.deepEqual(told(fault), ['E_BUNDLE_INCOMPLETE bundle.json']);
  });
});

test('an abort wins over what cannot be read', async (t) => {
  await withBundle(async ({ dir, faultOf }) => {
    const controller = new AbortController();
    const reason = new PackferryError('E_INTERRUPTED', 'enough');
    await truncate(path.join(dir, 'images-001.tar'), 3);
    const fault = await faultOf((event) => {
      if (event.type === 'started' && event.item === 'images-002.tar') controller.abort(reason);
    }, controller.signal);
    t.is(fault, reason);
  });
});
