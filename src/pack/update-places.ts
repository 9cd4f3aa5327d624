import { stat } from 'node:fs/promises';
import pLimit from 'p-limit';
import { asPackferryError, PackferryError } from '../core/errors.ts';
import type { Emit } from '../core/events.ts';
import { sumUp } from '../core/sum-up.ts';
import { imageOf, type PackImageUse } from './image-use.ts';
import { labelOf, type FoundPack, type PackFile } from './layout.ts';
import { findPacks } from './locate.ts';
import { decodeText } from './read-file.ts';
import { readItem } from './read-item.ts';
import { isYamlName } from './tree.ts';

/** Where an item names its image, or where it leaves it to the server. */
export interface ImagePlace extends PackImageUse {
  /** The file on disk. */
  readonly path: string;
  /** The keys that lead to the value. */
  readonly keys: readonly string[];
}

export interface PlacesOptions {
  readonly emit: Emit;
  readonly signal: AbortSignal;
}

interface Candidate {
  readonly pack: FoundPack;
  readonly file: PackFile;
  /** Did the user name this very file? */
  readonly named: boolean;
}

/** Files that are read at the same time. */
const concurrency = 16;

/**
 * Finds the place of every image in content packs on disk, each file once, sorted by path. Throws `E_PACK_NOT_FOUND` or
 * `E_PACK_INVALID`, for all mistakes at once, also for archives: these cannot be edited in place.
 */
export async function findPlaces(paths: readonly string[], options: PlacesOptions): Promise<ImagePlace[]> {
  const mistakes: PackferryError[] = [];
  const report = (mistake: PackferryError): void => void mistakes.push(mistake);
  const files = new Map<string, Candidate>();
  for (const given of paths) {
    await attempt(options, report, async () => {
      await refuseArchive(given);
      const before = mistakes.length;
      const found = await findPacks(given, { testPlaybooks: false, archives: false, ...options, report });
      if (found.length === 0 && mistakes.length === before) throw nothingIn(given);
      for (const pack of found) {
        for (const file of pack.files) files.set(file.identity, { pack, file, named: file.path === given });
      }
    });
  }
  const limit = pLimit(concurrency);
  const places = await Promise.all(
    [...files.values()].map((candidate) =>
      limit(() => attempt(options, report, () => placeIn(candidate, options.signal))),
    ),
  );
  if (mistakes.length > 0) throw sumUp('E_PACK_INVALID', 'the content packs cannot be read', mistakes);
  return places.filter((place) => place !== undefined).sort((a, b) => (a.path < b.path ? -1 : 1));
}

async function attempt<T>(
  { signal }: PlacesOptions,
  report: (mistake: PackferryError) => void,
  work: () => Promise<T>,
): Promise<T | undefined> {
  signal.throwIfAborted();
  try {
    return await work();
  } catch (fault) {
    signal.throwIfAborted();
    report(asPackferryError(fault));
    return undefined;
  }
}

async function refuseArchive(given: string): Promise<void> {
  // A missing path is told by what searches there.
  const info = await stat(given).catch(() => undefined);
  if (info?.isFile() !== true || isYamlName(given)) return;
  throw new PackferryError('E_PACK_INVALID', `${given}: only folders and yml files can be updated in place`, {
    hint: 'Name a folder or a yml file. Archives must be unpacked first, and packed again.',
  });
}

/** Undefined when the file is no item, or one that needs no image. */
async function placeIn(
  { pack, file, named }: Candidate,
  signal: AbortSignal,
): Promise<ImagePlace | undefined> {
  const { path } = file;
  const text = decodeText(await file.read(signal), path, 'E_PACK_INVALID');
  const item = readItem(text, path);
  if (item === undefined && named) throw nothingIn(path);
  const use = item && imageOf(item, { pack: pack.name, file: labelOf(file, pack), path }, true);
  if (use === undefined) return undefined;
  return { ...use, path, keys: use.kind === 'integration' ? ['script', use.key] : [use.key] };
}

function nothingIn(given: string): PackferryError {
  return new PackferryError('E_PACK_NOT_FOUND', `${given}: no integration or script`, {
    hint: 'Name the folder of a pack, a folder of packs, or the yml file of an integration or script.',
  });
}
