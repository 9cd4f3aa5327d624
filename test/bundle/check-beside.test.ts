import { readFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import process from 'node:process';
import type { Worker } from 'node:worker_threads';
import test, { type ExecutionContext } from 'ava';
import { composeImage } from '../../bin/demo/compose-image.ts';
import { noise } from '../../bin/demo/sample-images.ts';
import { openBundle, type OpenBundleOptions, type VerifiedBundle } from '../../src/bundle/open.ts';
import { damageIn, PackferryError } from '../../src/core/errors.ts';
import { silent } from '../../src/core/events.ts';
import { parseAllowedSigners } from '../../src/trust/allowed-signers.ts';
import { fixtureTime } from '../helpers/bundle-fixture.ts';
import { flipBit } from '../helpers/damaged-bundle.ts';
import { withImportSite } from '../helpers/import-site.ts';

const mib = 1024 * 1024;
const archive = 'images-001.tar';

interface Large {
  readonly file: string;
  readonly open: (options?: Partial<OpenBundleOptions>) => Promise<VerifiedBundle>;
  /** The threads that were started since it was made. */
  readonly threads: readonly Worker[];
}

/** Runs with a bundle that is large enough for a thread. */
async function withLargeBundle(use: (large: Large) => Promise<void>): Promise<void> {
  await withImportSite(async ({ trusted, make }) => {
    const image = composeImage({ files: [{ path: 'large', content: noise('large', 17 * mib) }] });
    const { dir } = await make('large', { 'docker.io/demisto/large:1.0.0.1': image });
    const allowed = parseAllowedSigners(await readFile(trusted), 'allowed_signers');
    const threads: Worker[] = [];
    const started = (thread: Worker): void => void threads.push(thread);
    process.on('worker', started);
    try {
      await use({
        file: path.join(dir, archive),
        open: (options = {}) => openBundle(dir, { allowed, now: fixtureTime, emit: silent, ...options }),
        threads,
      });
    } finally {
      process.off('worker', started);
    }
  });
}

/** One was started, where it is of use, and is no more. */
function isClosed(t: ExecutionContext, threads: readonly Worker[]): void {
  t.deepEqual(
    threads.map(({ threadId }) => threadId),
    availableParallelism() > 1 ? [-1] : [],
  );
}

test.serial('a large bundle is checked with a thread, which is ended; one that is damaged too', async (t) => {
  await withLargeBundle(async ({ file, open, threads }) => {
    const { document, files } = await open();
    isClosed(t, threads);
    const sum = document.archives[0]?.sha256;
    t.like(
      files.find((found) => found.file === archive),
      { result: 'good', sha256: sum },
    );
    await flipBit(file, 9 * mib);
    const fault = await t.throwsAsync(open(), { instanceOf: PackferryError, code: 'E_DIGEST_MISMATCH' });
    t.like(fault === undefined ? undefined : damageIn(fault), { blobs: [{ archive, why: 'damaged' }] });
    isClosed(t, threads.slice(1));
  });
});

test.serial('whoever stops a check gets his reason, and the thread is ended', async (t) => {
  await withLargeBundle(async ({ open, threads }) => {
    const controller = new AbortController();
    const reason = new Error('enough');
    const opening = open({
      signal: controller.signal,
      emit: ({ type }) => {
        if (type === 'progress') controller.abort(reason);
      },
    });
    t.is(await t.throwsAsync(opening), reason);
    isClosed(t, threads);
  });
});

const onTwo = availableParallelism() > 1 ? test.serial : test.serial.skip;
onTwo('a thread that dies is no damage of the bundle: nothing is said of its files', async (t) => {
  await withLargeBundle(async ({ open, threads }) => {
    const opening = open({
      emit: ({ type }) => {
        if (type === 'planned') for (const thread of threads) void thread.terminate();
      },
    });
    const fault = await t.throwsAsync(opening, { message: 'the thread that hashes has ended' });
    t.false(fault instanceof PackferryError);
  });
});

test.serial('no thread is started for layers that are decompressed as well', async (t) => {
  await withLargeBundle(async ({ open, threads }) => {
    t.is((await open({ deep: true })).layersChecked?.layers, 1);
    t.deepEqual(threads, []);
  });
});
