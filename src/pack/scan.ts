import pLimit from 'p-limit';
import { asPackferryError, PackferryError } from '../core/errors.ts';
import { silent, type Emit } from '../core/events.ts';
import { sumUp } from '../core/sum-up.ts';
import type { ImageOptions, PackImageUse } from './image-use.ts';
import type { FoundPack } from './layout.ts';
import { findPacks } from './locate.ts';
import type { PackLabel } from './metadata.ts';
import { readPack, type ReadPackOptions } from './read-pack.ts';
import { hasMetadata } from './walk.ts';

export interface ScanOptions extends ImageOptions {
  /** Also the items below folders named TestPlaybooks, which are not uploaded with a pack. */
  readonly testPlaybooks: boolean;
  /** Where a path was asked for, as `FILE:LINE:COLUMN: `: stands in front of what is said of a path without content. */
  readonly placeOf?: (path: string) => string;
  readonly emit?: Emit;
  readonly signal?: AbortSignal;
}

export interface PackInfo extends PackLabel {
  /**
   * The id in the metadata of a built pack, or the name of the pack's folder or archive; of loose items, the name of what
   * was given.
   */
  readonly id: string;
  readonly path: string;
  /** The file, when the pack is a built zip that can be uploaded as it is. */
  readonly zip?: string;
}

export interface PackScan {
  /** Sorted by id. */
  readonly packs: readonly PackInfo[];
  /** Sorted by file, then by line. */
  readonly uses: readonly PackImageUse[];
  /** The number of YAML files that were looked at. */
  readonly files: number;
}

/** Files that are read at the same time; more would only cost memory. */
const concurrency = 16;

/**
 * Finds every image that the content packs at `paths` need. A path may be a pack folder, a folder of packs, a content
 * repository, a folder with items in it, an archive (zip, tar, tar.gz) of all that, or one item; what lies below several of them counts once.
 *
 * The list is complete or there is none: every mistake (a path without content, an unreadable or broken file, a value
 * that is no image reference) is collected, and all are thrown together as `E_PACK_INVALID` with `.errors`; a single
 * one is thrown as it is, `E_PACK_INVALID` or `E_PACK_NOT_FOUND`.
 */
export async function scanPacks(paths: readonly string[], options: ScanOptions): Promise<PackScan> {
  const { emit = silent, signal, testPlaybooks, placeOf = () => '' } = options;
  const mistakes: PackferryError[] = [];
  const report = (mistake: PackferryError): void => void mistakes.push(mistake);
  const reading = { ...options, emit, signal, limit: pLimit(concurrency) };
  const seen = new Set<string>();
  const packs: PackInfo[] = [];
  const uses: PackImageUse[] = [];
  let files = 0;

  for (const given of paths) {
    emit({ type: 'started', task: 'scan', item: given });
    const before = mistakes.length;
    const found = await findPacks(given, { testPlaybooks, archives: true, emit, signal, report }).catch(
      (fault: unknown) => {
        signal?.throwIfAborted();
        report(placed(asPackferryError(fault), placeOf(given)));
        return [];
      },
    );
    const share = await readShare(found, seen, reading);
    for (const mistake of share.mistakes) report(mistake);
    if (!share.isContent && mistakes.length === before)
      report(placed(nothingIn(given, found), placeOf(given)));
    packs.push(...share.packs);
    uses.push(...share.uses);
    files += share.files;
    if (mistakes.length > before) continue;
    const detail = `files: ${share.files}, images named: ${share.uses.length}`;
    emit({ type: 'done', task: 'scan', item: given, detail });
  }
  emit({ type: 'finished', task: 'scan' });
  if (mistakes.length > 0) throw sumUp('E_PACK_INVALID', 'the content packs cannot be read', mistakes);
  return { packs: packs.sort(byId), uses: uses.sort(byPlace), files };
}

interface Share extends PackScan {
  readonly mistakes: readonly PackferryError[];
  /** Was anything found that is content of a pack? Also when another path had brought it before. */
  readonly isContent: boolean;
}

/** What one path adds to what was seen before. */
async function readShare(
  found: readonly FoundPack[],
  seen: Set<string>,
  options: ReadPackOptions,
): Promise<Share> {
  const fresh = found.map((pack) => ({
    pack: { ...pack, files: pack.files.filter(({ identity }) => !seen.has(identity)) },
    wasSeen: seen.has(pack.identity),
  }));
  const places = found.flatMap((pack) => [pack, ...pack.files]).map(({ identity }) => identity);
  const hadContent = places.some((identity) => seen.has(identity));
  for (const identity of places) seen.add(identity);

  const read = await Promise.all(
    fresh.map(async ({ pack, wasSeen }) => ({ pack, wasSeen, reading: await readPack(pack, options) })),
  );
  const content = read.filter(({ pack, reading }) => hasMetadata(pack) || reading.items > 0);
  return {
    packs: content
      .filter(({ wasSeen }) => !wasSeen)
      .map(({ pack: { path, zip }, reading }) => ({
        path,
        ...(zip === undefined ? {} : { zip }),
        ...reading.label,
      })),
    uses: read.flatMap(({ reading }) => reading.uses),
    files: fresh.reduce((sum, { pack }) => sum + pack.files.length, 0),
    mistakes: read.flatMap(({ reading }) => reading.mistakes),
    isContent: content.length > 0 || hadContent,
  };
}

function placed(error: PackferryError, place: string): PackferryError {
  return place === '' ? error : error.with(`${place}${error.message}`);
}

function nothingIn(given: string, found: readonly FoundPack[]): PackferryError {
  const isFile = found.some((pack) => pack.files.some((file) => file.path === given));
  return isFile
    ? new PackferryError('E_PACK_NOT_FOUND', `${given}: neither an integration nor a script`, {
        hint: 'Name the yml file of an integration or script, or the folder of a pack.',
      })
    : new PackferryError('E_PACK_NOT_FOUND', `no content pack found below ${given}`, {
        hint: 'A pack has pack_metadata.json, or folders such as Integrations and Scripts with yml files in them.',
      });
}

function byId(a: PackInfo, b: PackInfo): number {
  return compare(a.id, b.id) || compare(a.path, b.path);
}

function byPlace(a: PackImageUse, b: PackImageUse): number {
  return compare(a.file, b.file) || a.line - b.line || a.column - b.column;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
