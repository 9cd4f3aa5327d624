import { writeFile } from 'node:fs/promises';
import { importerMark } from '../../src/bundle/importer-file.ts';

export interface StandIn {
  /** What ELF calls the processor: 62 is x86-64, 183 is arm64. */
  readonly machine?: number;
  /** Bytes before the mark. */
  readonly markAt?: number;
  /** Default: a mark as importers have it. */
  readonly mark?: string;
}

/** Writes a file that has the looks of an importer and does not run. Returns its path. */
export async function writeStandIn(
  file: string,
  { machine = 62, markAt = 4096, mark = importerMark('1.2.3') }: StandIn = {},
): Promise<string> {
  const head = Buffer.alloc(markAt, 'x');
  head.set([0x7f, 0x45, 0x4c, 0x46, 2, 1]);
  head.writeUInt16LE(machine, 18);
  await writeFile(file, Buffer.concat([head, Buffer.from(mark), Buffer.alloc(1000, 'y')]));
  return file;
}
