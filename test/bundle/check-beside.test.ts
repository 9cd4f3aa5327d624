import { readFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import process from 'node:process';
import type { Worker } from 'node:worker_threads';
import test from 'ava';
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
  /** The threads that were started since it was last asked. */
  readonly started: () => Worker[];
}

/** Runs with a bundle that is just large enough for a thread. */
async function withLargeBundle(use: (large: Large) => Promise<void>): Promise<void> {
  await withImportSite(async ({ trusted, make }) => {
    const image = composeImage({ files: [{ path: 'large', content: noise('large', 64 * mib) }] });
    const { dir } = await make('large', { 'docker.io/demisto/large:1.0.0.1': image });
    const allowed = parseAllowedSigners(await readFile(trusted), 'allowed_signers');
    const threads: Worker[] = [];
    const add = (thread: Worker): void => void threads.push(thread);
    process.on('worker', add);
    try {
      await use({
        file: path.join(dir, archive),
        open: (options = {}) => openBundle(dir, { allowed, now: fixtureTime, emit: silent, ...options }),
        started: () => threads.splice(0),
      });
    } finally {
      process.off('worker', add);
    }
  });
}

/** What became of threads; one that has ended has the number -1. */
function numbersOf(threads: readonly Worker[]): number[] {
  return threads.map(({ threadId }) => threadId);
}

const ended = availableParallelism() > 1 ? [-1] : [];

test('a large bundle is checked with a thread, which is ended whatever becomes of the check', async (t) => {
  await withLargeBundle(async ({ file, open, started }) => {
    const { document, files } = await open();
    t.deepEqual(numbersOf(started()), ended);
    const sum = document.archives[0]?.sha256;
    t.like(
      files.find((found) => found.file === archive),
      { result: 'good', sha256: sum },
    );

    const controller = new AbortController();
    const reason = new Error('enough');
    const stopped = open({
      signal: controller.signal,
      emit: ({ type }) => {
        if (type === 'progress') controller.abort(reason);
      },
    });
    t.is(await t.throwsAsync(stopped), reason);
    t.deepEqual(numbersOf(started()), ended);

    if (availableParallelism() > 1) {
      const dying = open({
        emit: ({ type }) => {
          if (type === 'planned') for (const thread of started()) void thread.terminate();
        },
      });
      const death = await t.throwsAsync(dying, { message: 'the thread that hashes has ended' });
      t.false(death instanceof PackferryError, 'nothing is said of damage');
    }

    t.is((await open({ deep: true })).layersChecked?.layers, 1);
    t.deepEqual(started(), [], 'decompressing takes all processors by itself');

    await flipBit(file, 40 * mib);
    const fault = await t.throwsAsync(open(), { instanceOf: PackferryError, code: 'E_DIGEST_MISMATCH' });
    t.deepEqual(numbersOf(started()), ended);
    t.like(damageIn(fault), { blobs: [{ archive, why: 'damaged' }] });
  });
});
