import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import test from 'ava';
import { Parser, type ReadEntry } from 'tar';
import { contextTar, type ContextMember } from '../../src/archive/context-tar.ts';
import { collect } from '../../src/core/collect.ts';
import { digestOf } from '../../src/core/digest.ts';
import { tempDir } from '../helpers/compose.ts';

const longName = `wheels/${'x'.repeat(150)}.whl`;

async function membersOf(bytes: Buffer): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  const reading: Promise<void>[] = [];
  const parser = new Parser({
    strict: true,
    onReadEntry: (entry: ReadEntry) => {
      const note = async (): Promise<void> => {
        found[entry.path] = (await entry.concat()).toString();
      };
      reading.push(note());
    },
  });
  await new Promise((resolve, reject) => {
    parser.on('end', resolve).on('error', reject);
    parser.end(bytes);
  });
  await Promise.all(reading);
  return found;
}

test('files of memory and disk become a tar, the same every time, names of any length', async (t) => {
  const file = path.join(await tempDir(t), 'file');
  await writeFile(file, 'content');
  const members: ContextMember[] = [
    { name: 'Dockerfile', content: Buffer.from('FROM x\n') },
    { name: longName, file, size: 7, digest: digestOf('content') },
  ];
  const bytes = await collect(contextTar(members), 1_000_000, 'tar');
  t.deepEqual(await membersOf(bytes), { Dockerfile: 'FROM x\n', [longName]: 'content' });
  t.deepEqual(await collect(contextTar(members), 1_000_000, 'tar'), bytes);
});

test('a file that has changed since it was hashed ends the stream', async (t) => {
  const file = path.join(await tempDir(t), 'file');
  await writeFile(file, 'changed');
  const member = { name: 'x', file, size: 7, digest: digestOf('content') };
  await t.throwsAsync(text(contextTar([member])), { code: 'E_DIGEST_MISMATCH' });
  await writeFile(file, 'longer than before');
  await t.throwsAsync(text(contextTar([member])), { code: 'E_SIZE_MISMATCH' });
});
