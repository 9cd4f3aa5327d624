import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import path from 'node:path';
import { messageOf, PackferryError, systemCodeOf } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import type { BundleImporter } from '../schema/bundle.ts';
import { writeFileWhole } from './files.ts';
import { bundleFiles } from './names.ts';

/** The self-contained importer that a bundle is to carry: packferry and Node in one program. */
export interface CarriedImporter {
  /** The file on this machine. */
  readonly path: string;
  /** What bundle.json says of it. */
  readonly entry: BundleImporter;
}

const markStart = 'packferry-importer/';
/** The longest mark that is looked for, in bytes. */
const markLength = 128;

/** Stands in every importer, so that the file of another program is not carried by mistake. */
export function importerMark(version: string): string {
  return `${markStart}${version};`;
}

/** ELF, 64 bits, little-endian; then at byte 18 the machine: 62 is x86-64. */
const elf = Buffer.from([0x7f, 0x45, 0x4c, 0x46, 2, 1]);
const machineAt = 18;
const x64 = 62;

/**
 * Reads an importer once: its size, its hash, and whether it is one. It is not run. Throws `E_IMPORTER_UNUSABLE` when it is
 * missing, over `limits.importer` bytes, no program for Linux on x64, or another program.
 */
export async function openImporter(file: string): Promise<CarriedImporter> {
  const hash = createHash('sha256');
  let size = 0;
  let version: string | undefined;
  let head = Buffer.alloc(0);
  let tail = Buffer.alloc(0);
  for await (const chunk of reading(file)) {
    if (head.length < machineAt + 2) head = Buffer.concat([head, chunk.subarray(0, machineAt + 2)]);
    const window = Buffer.concat([tail, chunk]);
    version ??= versionIn(window);
    tail = window.subarray(-markLength);
    hash.update(chunk);
    size += chunk.length;
  }
  if (!isProgram(head)) throw unusable(`${file} is no program for Linux on x64`);
  if (version === undefined) throw unusable(`${file} is no importer of packferry`);
  const sha256 = hash.digest('hex');
  return {
    path: file,
    entry: { file: bundleFiles.importer, platform: 'linux-x64', version, size, sha256 },
  };
}

function isProgram(head: Buffer): boolean {
  if (head.length < machineAt + 2 || !head.subarray(0, elf.length).equals(elf)) return false;
  return head.readUInt16LE(machineAt) === x64;
}

/** The version in the first mark; the same words without one stand in the program text. */
function versionIn(bytes: Buffer): string | undefined {
  for (let at = bytes.indexOf(markStart); at >= 0; at = bytes.indexOf(markStart, at + 1)) {
    const text = bytes.toString('latin1', at + markStart.length, at + markLength);
    const [, version] = /^([0-9][0-9A-Za-z.+-]{0,63});/.exec(text) ?? [];
    if (version !== undefined) return version;
  }
  return undefined;
}

/** Copies the importer into a bundle, ready to run. Throws when it is not what was read before. */
export async function writeImporter(dir: string, { path: file, entry }: CarriedImporter): Promise<void> {
  await writeFileWhole(path.join(dir, entry.file), unchanged(file, entry), 0o755);
}

async function* unchanged(file: string, { sha256 }: BundleImporter): AsyncGenerator<Buffer> {
  const hash = createHash('sha256');
  for await (const chunk of reading(file)) {
    hash.update(chunk);
    yield chunk;
  }
  if (hash.digest('hex') !== sha256) throw unusable(`${file} has changed since this export began`);
}

async function* reading(file: string): AsyncGenerator<Buffer> {
  const handle = await openFile(file);
  let size = 0;
  try {
    const content = handle.createReadStream({ highWaterMark: 1024 * 1024 });
    for await (const chunk of content as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > limits.importer) throw new Error(`it is over the limit of ${limits.importer} bytes`);
      yield chunk;
    }
  } catch (cause) {
    throw unusable(`${file} cannot be read: ${messageOf(cause)}`, cause);
  } finally {
    await handle.close();
  }
}

/** Opens a regular file; a pipe does not block. */
async function openFile(file: string): Promise<FileHandle> {
  const handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK).catch((cause: unknown) => {
    const isMissing = systemCodeOf(cause) === 'ENOENT';
    throw unusable(isMissing ? `there is no importer ${file}` : `${file}: ${messageOf(cause)}`, cause);
  });
  if ((await handle.stat()).isFile()) return handle;
  await handle.close();
  throw unusable(`${file} is no regular file`);
}

function unusable(message: string, cause?: unknown): PackferryError {
  return new PackferryError('E_IMPORTER_UNUSABLE', message, {
    hint: 'Run "npm run importer" in a clone of packferry and give the file that it makes: --with-importer FILE.',
    cause,
  });
}
