import { existsSync } from 'node:fs';
import { readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import path from 'node:path';
import test from 'ava';
import { withLockFile, type LockOptions } from '../../src/bundle/lock-file.ts';
import { PackferryError } from '../../src/core/errors.ts';
import { withFolder } from '../helpers/bundle-fixture.ts';
import { execTool } from '../helpers/system-exec.ts';

const dead = { pid: 7, isRunning: () => false };
const alive = { pid: 8, isRunning: () => true };
const options = (owner: LockOptions['owner'], patience = 0): LockOptions => ({
  owner,
  patience,
  held: (who) => new PackferryError('E_STATE_UNUSABLE', `held${who}`),
});

test('a lock is there while it is used, and gone afterwards, also after a fault', async (t) => {
  await withFolder(async (folder) => {
    const file = path.join(folder, 'lock');
    const text = await withLockFile(file, options(dead), () => readFile(file, 'utf8'));
    t.is(text, `7 ${hostname()}\n`);
    t.false(existsSync(file));
    await t.throwsAsync(
      withLockFile(file, options(dead), () => Promise.reject(new Error('fault'))),
      { message: 'fault' },
    );
    t.false(existsSync(file));
  });
});

test('of many who want a lock that a dead process has left, one at a time has it, and all get it', async (t) => {
  await withFolder(async (folder) => {
    const file = path.join(folder, 'lock');
    await writeFile(file, `7 ${hostname()}\n`);
    let [inside, most] = [0, 0];
    const owner = { pid: 8, isRunning: (pid: number) => pid === 8 };
    const all = Array.from({ length: 20 }, () =>
      withLockFile(file, options(owner, 60_000), async () => {
        inside += 1;
        most = Math.max(most, inside);
        await writeFile(path.join(folder, 'work'), 'x');
        inside -= 1;
      }),
    );
    await Promise.all(all);
    t.is(most, 1);
  });
});

test('a number that another process has by now does not keep a lock', async (t) => {
  await withFolder(async (folder) => {
    const file = path.join(folder, 'lock');
    await writeFile(file, `7 ${hostname()} 1000\n`);
    const running = (pid: number, startedAt?: string): boolean => pid === 7 && startedAt === '2000';
    const owner = { pid: 8, startedAt: '3000', isRunning: running };
    const text = await withLockFile(file, options(owner), () => readFile(file, 'utf8'));
    t.is(text, `8 ${hostname()} 3000\n`);
    await writeFile(file, `7 ${hostname()} 2000\n`);
    const work = (): Promise<void> => Promise.resolve();
    await t.throwsAsync(withLockFile(file, options(owner), work), {
      message: `held (process 7 on ${hostname()})`,
    });
  });
});

test('who died while he took a lock over keeps nobody out, and leaves nothing', async (t) => {
  await withFolder(async (folder) => {
    const file = path.join(folder, 'lock');
    const took = [`${file}.taking`, `${file}.taking.taking`];
    const owner = { pid: 8, isRunning: (pid: number) => pid === 8 };
    for (const left of [[file, ...took.slice(0, 1)], took]) {
      for (const name of left) await writeFile(name, `7 ${hostname()}\n`);
      await withLockFile(file, options(owner), async () => {
        t.deepEqual(await readdir(folder), ['lock']);
        t.is(await readFile(file, 'utf8'), `8 ${hostname()}\n`);
      });
      t.deepEqual(await readdir(folder), []);
    }
  });
});

test('a lock of a running process is waited for, and then told by its holder', async (t) => {
  await withFolder(async (folder) => {
    const file = path.join(folder, 'lock');
    await writeFile(file, `7 ${hostname()}\n`);
    const work = (): Promise<void> => Promise.resolve();
    await t.throwsAsync(withLockFile(file, options(alive, 100), work), {
      message: `held (process 7 on ${hostname()})`,
    });
    t.true(existsSync(file), 'it is not ours to remove');
  });
});

test('a lock of another machine is never taken over', async (t) => {
  await withFolder(async (folder) => {
    const file = path.join(folder, 'lock');
    await writeFile(file, '7 elsewhere.example\n');
    const work = (): Promise<void> => Promise.resolve();
    await t.throwsAsync(withLockFile(file, options(dead), work), {
      message: 'held (process 7 on elsewhere.example)',
    });
  });
});

test('a pipe or an endless file in the place of the lock keeps nobody waiting', async (t) => {
  await withFolder(async (folder) => {
    const [pipe, endless] = [path.join(folder, 'pipe'), path.join(folder, 'endless')];
    await execTool('mkfifo', [pipe]);
    await symlink('/dev/zero', endless);
    await t.throwsAsync(
      withLockFile(pipe, options(alive), () => Promise.resolve()),
      { code: 'E_STATE_UNUSABLE', message: 'held' },
    );
    // Nobody's lock, and it has been there for long.
    t.is(await withLockFile(endless, options(alive), () => Promise.resolve('taken over')), 'taken over');
  });
});
