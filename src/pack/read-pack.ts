import type { LimitFunction } from 'p-limit';
import { asPackferryError, type PackferryError } from '../core/errors.ts';
import type { Emit } from '../core/events.ts';
import { limits } from '../core/limits.ts';
import { imagesOf, isUnknownLanguage, type ImageOptions, type PackImageUse } from './image-use.ts';
import type { FoundPack, PackFile } from './layout.ts';
import { readMetadata, type PackLabel } from './metadata.ts';
import { decodeText } from './read-file.ts';
import { readItem, type PackItem } from './read-item.ts';

export interface ReadPackOptions extends ImageOptions {
  readonly emit: Emit;
  readonly signal: AbortSignal | undefined;
  /** Bounds how many files are read at the same time. */
  readonly limit: LimitFunction;
}

export interface PackReading {
  readonly label: PackLabel;
  /** Integrations and scripts, with or without image. */
  readonly items: number;
  readonly uses: readonly PackImageUse[];
  /** In the order of the files. */
  readonly mistakes: readonly PackferryError[];
}

/** Reads every file of a pack. Mistakes are collected, never thrown; only an abort throws. */
export async function readPack(pack: FoundPack, options: ReadPackOptions): Promise<PackReading> {
  const { metadata } = pack;
  const label = metadata && (await attempt(() => readLabel(metadata, options), options));
  const files = await Promise.all(
    pack.files.map((file) => options.limit(() => attempt(() => readPackFile(file, pack, options), options))),
  );
  const read = files.map(({ value }) => value).filter((value) => value !== undefined);
  return {
    label: label?.value ?? {},
    items: read.length,
    uses: read.flatMap(({ uses }) => uses),
    mistakes: [label, ...files].map((one) => one?.mistake).filter((mistake) => mistake !== undefined),
  };
}

interface Attempt<T> {
  readonly value?: T | undefined;
  readonly mistake?: PackferryError;
}

async function attempt<T>(work: () => Promise<T>, { signal }: ReadPackOptions): Promise<Attempt<T>> {
  signal?.throwIfAborted();
  try {
    return { value: await work() };
  } catch (fault) {
    signal?.throwIfAborted();
    return { mistake: asPackferryError(fault) };
  }
}

async function readLabel(file: PackFile, { signal }: ReadPackOptions): Promise<PackLabel> {
  return readMetadata(await file.read(limits.packMetadata, signal), file.path);
}

interface ItemReading {
  readonly uses: readonly PackImageUse[];
}

/** Undefined when the file is no item. */
async function readPackFile(
  file: PackFile,
  pack: FoundPack,
  options: ReadPackOptions,
): Promise<ItemReading | undefined> {
  const bytes = await file.read(limits.itemYaml, options.signal);
  const item = readItem(decodeText(bytes, file.path, 'E_PACK_INVALID'), file.path);
  if (item === undefined) return undefined;
  if (isUnknownLanguage(item)) warnOfLanguage(item, file, options.emit);
  const place = { pack: pack.id, file: file.file, path: file.path };
  return { uses: imagesOf(item, place, options) };
}

function warnOfLanguage({ type }: PackItem, { path }: PackFile, emit: Emit): void {
  if (type === undefined) return;
  const where = `${path}:${type.line}:${type.column}`;
  const message = `${where}: names no image, and the default of type ${JSON.stringify(type.value)} is not known`;
  emit({ type: 'note', level: 'warning', message });
}
