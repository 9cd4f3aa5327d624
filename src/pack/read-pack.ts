import type { LimitFunction } from 'p-limit';
import { asPackferryError, type PackferryError } from '../core/errors.ts';
import type { Emit } from '../core/events.ts';
import { imagesOf, isUnknownLanguage, type ImageOptions, type PackImageUse } from './image-use.ts';
import { labelOf, type FoundPack, type PackFile } from './layout.ts';
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
  readonly label: PackLabel & { readonly id: string };
  /** Integrations and scripts, with or without image. */
  readonly items: number;
  readonly uses: readonly PackImageUse[];
  /** In the order of the files. */
  readonly mistakes: readonly PackferryError[];
}

/** Reads every file of a pack. Mistakes are collected, never thrown; only an abort throws. */
export async function readPack(pack: FoundPack, options: ReadPackOptions): Promise<PackReading> {
  const source = await attempt(() => readLabel(pack.metadata, options), options);
  const built = await attempt(() => readLabel(pack.builtMetadata, options), options);
  // What a server exports as a contribution has an id that is made up.
  const id = (pack.metadata && built.value?.id) ?? pack.name;
  const files = await Promise.all(
    pack.files.map((file) =>
      options.limit(() => attempt(() => readPackFile(file, pack, id, options), options)),
    ),
  );
  const read = files.map(({ value }) => value).filter((value) => value !== undefined);
  return {
    label: { ...built.value, ...source.value, id },
    items: read.length,
    uses: read.flatMap(({ uses }) => uses),
    mistakes: [source, built, ...files]
      .map(({ mistake }) => mistake)
      .filter((mistake) => mistake !== undefined),
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

async function readLabel(file: PackFile | undefined, { signal }: ReadPackOptions): Promise<PackLabel> {
  return file === undefined ? {} : readMetadata(await file.read(signal), file.path);
}

interface ItemReading {
  readonly uses: readonly PackImageUse[];
}

/** Undefined when the file is no item. */
async function readPackFile(
  file: PackFile,
  pack: FoundPack,
  id: string,
  options: ReadPackOptions,
): Promise<ItemReading | undefined> {
  const bytes = await file.read(options.signal);
  const item = readItem(decodeText(bytes, file.path, 'E_PACK_INVALID'), file.path);
  if (item === undefined) return undefined;
  if (isUnknownLanguage(item)) warnOfLanguage(item, file, options.emit);
  const place = { pack: id, file: labelOf(file, pack, id), path: file.path };
  return { uses: imagesOf(item, place, options) };
}

function warnOfLanguage({ type }: PackItem, { path }: PackFile, emit: Emit): void {
  if (type === undefined) return;
  const where = `${path}:${type.line}:${type.column}`;
  const message = `${where}: names no image, and the default of type ${JSON.stringify(type.value)} is not known`;
  emit({ type: 'note', level: 'warning', message });
}
