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

test('a file that is shorter than it should be has no hash', async (t) => {
  await withFolder(async (folder) => {
    const name = path.join(folder, 'short');
    await writeFile(name, 'abc');
    const thread = new HashThread();
    const file = await open(name);
    try {
      const hash = thread.file(file.fd);
      hash.reach(4);
      await t.throwsAsync(hash.digest(), { message: /shorter/ });
    } finally {
      await thread.close();
      await file.close();
    }
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
