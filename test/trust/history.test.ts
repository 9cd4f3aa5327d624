import {
  appendFile,
  copyFile,
  mkdir,
  readFile,
  rm,
  stat,
  symlink,
  truncate,
  writeFile,
} from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import type { NewRecord } from '../../src/schema/history.ts';
import { formatHistoryLine, noRecord } from '../../src/trust/history-line.ts';
import { addRecord, completeHistory, readHistory, type HistoryPlace } from '../../src/trust/history.ts';
import { readPast, type Past } from '../../src/trust/past.ts';
import { withFolder } from '../helpers/bundle-fixture.ts';
import { execTool } from '../helpers/system-exec.ts';

function accepted(sequence: number, stream = 'soc'): NewRecord {
  return {
    kind: 'accepted',
    at: '2026-11-23T05:00:00.000Z',
    stream,
    sequence,
    sumsSha256: String(sequence % 10).repeat(64),
    createdAt: '2026-11-23T05:00:00Z',
    signers: [{ principal: 'builder', fingerprint: 'SHA256:x' }],
  };
}

async function add(place: HistoryPlace, record: NewRecord): Promise<void> {
  await addRecord(place, await readPast(place, 'soc', 0), record);
}

const past = async (place: HistoryPlace): Promise<Past> => (await readPast(place, 'soc', 0)).value;

interface Made {
  readonly place: HistoryPlace & { readonly copy: string };
  readonly file: string;
  readonly second: string;
  readonly pending: string;
}

/** Runs with a history of 41 and 42, in two copies. */
async function withHistory(use: (made: Made) => Promise<void>): Promise<void> {
  await withFolder(async (folder) => {
    const place = { dir: path.join(folder, 'state'), copy: path.join(folder, 'copy') };
    await mkdir(place.dir);
    await mkdir(place.copy);
    await add(place, accepted(41));
    await add(place, accepted(42));
    await use({
      place,
      file: path.join(place.dir, 'history.jsonl'),
      second: path.join(place.copy, 'history.jsonl'),
      pending: path.join(place.dir, 'history.pending'),
    });
  });
}

test('what was added is read back, and nothing but the history stays', async (t) => {
  await withHistory(async ({ place, pending }) => {
    const { highest, last, isFirstUse, lastAt } = await past(place);
    t.is(highest?.sequence, 42);
    t.is(last?.sequence, 42);
    t.false(isFirstUse);
    t.deepEqual(lastAt, new Date('2026-11-23T05:00:00Z'));
    await t.throwsAsync(readFile(pending), { code: 'ENOENT' });
  });
});

test('every changed bit of every record is found', async (t) => {
  await withHistory(async ({ place: { dir }, file }) => {
    const good = await readFile(file);
    for (let index = 0; index < good.length; index += 1) {
      const bad = Buffer.from(good);
      bad[index] = (bad[index] ?? 0) ^ (1 << (index % 8));
      await writeFile(file, bad);
      await t.throwsAsync(past({ dir }), { code: 'E_STATE_INVALID' }, `byte ${index}`);
    }
  });
});

test('a record that a crash has cut off at whatever byte counts, and is completed in both copies', async (t) => {
  await withHistory(async ({ place, file, second, pending }) => {
    const good = await readFile(file);
    const { end } = await readPast(place, 'soc', 0);
    const { bytes } = formatHistoryLine(end.sha256, accepted(43));
    const whole = Buffer.concat([good, bytes]);
    for (let cut = 1; cut <= bytes.length; cut += 1) {
      await writeFile(file, whole.subarray(0, good.length + cut));
      await writeFile(second, good);
      await writeFile(pending, bytes);
      t.is((await past(place)).highest?.sequence, 43);
      t.is((await readFile(file)).length, good.length + cut, 'a reader changes nothing');
      if (cut % 50 !== 0 && cut < bytes.length - 1) continue;
      await completeHistory(place, await readPast(place, 'soc', 0));
      t.deepEqual([await readFile(file), await readFile(second)], [whole, whole], `cut at ${cut}`);
    }
  });
});

test('the second copy that a crash has cut off is completed by the next record', async (t) => {
  await withHistory(async ({ place, file, second, pending }) => {
    const good = await readFile(file);
    const { end } = await readPast(place, 'soc', 0);
    const { bytes } = formatHistoryLine(end.sha256, accepted(43));
    await appendFile(file, bytes);
    await appendFile(second, bytes.subarray(0, 100));
    await writeFile(pending, bytes);
    await add(place, accepted(44));
    t.is((await past(place)).highest?.sequence, 44);
    t.deepEqual(await readFile(second), await readFile(file));
    t.true((await readFile(file)).subarray(0, good.length).equals(good), 'lines are only ever added');
  });
});

test('a history that a crash has cut off in its very first record begins as it should have', async (t) => {
  await withFolder(async (dir) => {
    const began: NewRecord = {
      kind: 'began',
      at: '2026-11-23T05:00:00Z',
      schema: 'packferry.history/v1',
      id: '0'.repeat(32),
    };
    const { bytes } = formatHistoryLine(noRecord, began);
    await writeFile(path.join(dir, 'history.pending'), bytes);
    for (const cut of [0, 10]) {
      await writeFile(path.join(dir, 'history.jsonl'), bytes.subarray(0, cut));
      t.true((await past({ dir })).isFirstUse);
    }
    await add({ dir }, accepted(1));
    t.is((await past({ dir })).highest?.sequence, 1);
  });
});

test('a record that is cut off is not guessed: what was to be written must be there in full', async (t) => {
  await withHistory(async ({ place: { dir }, file, pending }) => {
    const good = await readFile(file);
    const { end } = await readPast({ dir }, 'soc', 0);
    const { bytes } = formatHistoryLine(end.sha256, accepted(43));
    const other = formatHistoryLine(end.sha256, accepted(44)).bytes;
    const elsewhere = formatHistoryLine('1'.repeat(64), accepted(43)).bytes;
    await writeFile(file, Buffer.concat([good, bytes.subarray(0, -30)]));
    for (const left of [bytes.subarray(0, -1), bytes.subarray(0, 50), other, elsewhere, Buffer.alloc(0)]) {
      await writeFile(pending, left);
      await t.throwsAsync(past({ dir }), { code: 'E_STATE_INVALID', message: /:4: .* it is cut off/ });
    }
    await rm(pending);
    await truncate(file, good.length);
    t.is((await past({ dir })).highest?.sequence, 42);
  });
});

test('what a crash has left before the first byte was added does not count, and is in nobody’s way', async (t) => {
  await withHistory(async ({ place, pending }) => {
    const { end } = await readPast(place, 'soc', 0);
    await writeFile(pending, formatHistoryLine(end.sha256, accepted(50)).bytes);
    t.is((await past(place)).highest?.sequence, 42);
    await add(place, accepted(43));
    t.is((await past(place)).highest?.sequence, 43);
  });
});

test('a history of another run of the same length does not pass for the second copy', async (t) => {
  await withHistory(async ({ place, second }) => {
    await withHistory(async (other) => {
      await writeFile(second, await readFile(other.file));
      await t.throwsAsync(past(place), { code: 'E_STATE_INVALID', message: /they do not agree/ });
    });
  });
});

test('a folder under the name of the history is refused', async (t) => {
  await withFolder(async (dir) => {
    await mkdir(path.join(dir, 'history.jsonl'));
    await t.throwsAsync(past({ dir }), { code: 'E_STATE_UNUSABLE', message: /not a regular file/ });
  });
});

test('records are told one by one, in their order', async (t) => {
  await withHistory(async ({ place }) => {
    const { value } = await readHistory(place, () => {
      const kinds: string[] = [];
      return { take: ({ kind }) => void kinds.push(kind), result: () => kinds };
    });
    t.deepEqual(value, ['began', 'accepted', 'accepted']);
  });
});

test('nothing is written through a link that somebody laid into the folder', async (t) => {
  await withHistory(async ({ place, file, pending }) => {
    const other = path.join(place.dir, 'other');
    await writeFile(other, 'of somebody');
    await symlink(other, pending);
    await t.throwsAsync(add(place, accepted(43)), { code: 'E_STATE_UNUSABLE' });
    t.is(await readFile(other, 'utf8'), 'of somebody');
    await rm(pending);
    await copyFile(file, other);
    const { size } = await stat(other);
    await rm(file);
    await symlink(other, file);
    await t.throwsAsync(add(place, accepted(43)), { code: 'E_STATE_UNUSABLE', message: /link/ });
    t.is((await stat(other)).size, size);
  });
});

test('a pipe in the place of the line that is being added keeps nobody waiting', async (t) => {
  await withHistory(async ({ place, file, pending }) => {
    await execTool('mkfifo', [pending]);
    await truncate(file, (await stat(file)).size - 10);
    await t.throwsAsync(past(place), { code: 'E_STATE_INVALID', message: /it is cut off/ });
  });
});
