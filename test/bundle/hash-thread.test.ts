import { createHash, randomBytes } from 'node:crypto';
import { open, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { HashThread } from '../../src/bundle/hash-thread.ts';
import { withFolder } from '../helpers/bundle-fixture.ts';

test('files that grow side by side are hashed as far as they are final', async (t) => {
  await withFolder(async (folder) => {
    const thread = new HashThread();
    const contents = [randomBytes(3_000_000), randomBytes(10)];
    const files = await Promise.all(contents.map((_, at) => open(path.join(folder, `${at}`), 'wx+')));
    try {
      const hashes = files.map((file) => thread.file(file.fd));
      for (const [at, content] of contents.entries()) {
        const half = Math.floor(content.length / 2);
        await files[at]?.write(content, 0, half, 0);
        hashes[at]?.reach(half);
        await files[at]?.write(content, half, content.length - half, half);
        hashes[at]?.reach(content.length);
      }
      t.deepEqual(
        await Promise.all(hashes.map((hash) => hash.digest())),
        contents.map((content) => createHash('sha256').update(content).digest('hex')),
      );
    } finally {
      await thread.close();
      for (const file of files) await file.close();
    }
  });
});

test('blobs in one file are hashed from where they stand, whoever is asked for first', async (t) => {
  await withFolder(async (folder) => {
    const thread = new HashThread();
    const content = randomBytes(5_000_000);
    const name = path.join(folder, 'archive');
    await writeFile(name, content);
    const file = await open(name);
    const sha256 = (from: number, to: number): string =>
      createHash('sha256').update(content.subarray(from, to)).digest('hex');
    try {
      const whole = thread.file(file.fd, { rank: 1 });
      const [long, short, empty] = [100, 3_000_000, 4_000_000].map((from) => thread.file(file.fd, { from }));
      whole.reach(content.length);
      long?.reach(2_500_000);
      short?.reach(7);
      t.is(await empty?.digest(), sha256(0, 0));
      t.is(await short?.digest(), sha256(3_000_000, 3_000_007));
      t.is(await long?.digest(), sha256(100, 2_500_100));
      t.is(await whole.digest(), sha256(0, content.length));
    } finally {
      await thread.close();
      await file.close();
    }
  });
});

test('who waits for what was reached can go on from there', async (t) => {
  await withFolder(async (folder) => {
    const thread = new HashThread();
    const file = await open(path.join(folder, 'grows'), 'wx+');
    try {
      const hash = thread.file(file.fd);
      await file.write('abc', 0);
      hash.reach(3);
      await hash.caughtUp();
      // What was hashed is not read again.
      await file.write('xyzdef', 0);
      hash.reach(6);
      await hash.caughtUp();
      t.is(await hash.digest(), createHash('sha256').update('abcdef').digest('hex'));
    } finally {
      await thread.close();
      await file.close();
    }
  });
});

/** A thread, and a file of three bytes. */
async function withShortFile(use: (thread: HashThread, fd: number) => Promise<void>): Promise<void> {
  await withFolder(async (folder) => {
    const name = path.join(folder, 'short');
    await writeFile(name, 'abc');
    const thread = new HashThread();
    const file = await open(name);
    try {
      await use(thread, file.fd);
    } finally {
      await thread.close();
      await file.close();
    }
  });
}

test('a fault is told to everybody who asks, and harms no other hash', async (t) => {
  await withShortFile(async (thread, fd) => {
    const [bad, good] = [thread.file(fd), thread.file(fd, { from: 1 })];
    bad.reach(4);
    good.reach(2);
    await t.throwsAsync(bad.caughtUp(), { message: /shorter/ });
    await t.throwsAsync(bad.digest(), { message: /shorter/ });
    t.is(await good.digest(), createHash('sha256').update('bc').digest('hex'));
  });
});

test('a file that is shorter than it should be has no hash', async (t) => {
  await withShortFile(async (thread, fd) => {
    const hash = thread.file(fd);
    hash.reach(4);
    await t.throwsAsync(hash.digest(), { message: /shorter/ });
  });
});

test('whoever waits when the thread is ended does not wait for ever', async (t) => {
  await withFolder(async (folder) => {
    const file = await open(path.join(folder, 'file'), 'wx+');
    const thread = new HashThread();
    const waiting = t.throwsAsync(thread.file(file.fd).digest(), { message: /ended/ });
    await thread.close();
    await waiting;
    await t.throwsAsync(thread.file(file.fd).digest(), { message: /ended/ });
    await file.close();
  });
});
