import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import type { Receipt } from '../schema/receipt.ts';

/**
 * The hash of what runs. Of the self-contained importer it is that of its one file, as a bundle's SHA256SUMS names it; of
 * an installation, that of the list of its JavaScript files, as `sha256sum` prints it, sorted by name: two builds of one commit have
 * the same. What V8 had compiled of them is not in it: no two runs of V8 compile to the same bytes, and bin/load-program.js takes
 * them for the very file only that they were made of. Nor are packages beside them and Node itself. Undefined where the files
 * cannot be read: evidence, not a condition.
 */
export async function programHash(program: string): Promise<Receipt['tool']['program']> {
  try {
    if ((await stat(program)).isFile()) return { path: program, files: 1, sha256: await hashOf(program) };
    const names = (await readdir(program, { recursive: true }))
      .filter((name) => /\.(?:js|cjs)$/.test(name))
      .map((name) => name.split(path.sep).join('/'))
      .sort();
    const list = createHash('sha256');
    for (const name of names) list.update(`${await hashOf(path.join(program, name))}  ${name}\n`);
    return { path: program, files: names.length, sha256: list.digest('hex') };
  } catch {
    return undefined;
  }
}

async function hashOf(file: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(file) as AsyncIterable<Buffer>) hash.update(chunk);
  return hash.digest('hex');
}
