import { asPackferryError, PackferryError } from '../core/errors.ts';
import type { Emit } from '../core/events.ts';
import { sizeMismatch } from '../core/verify-stream.ts';
import { checkArchive, type Damage } from '../archive/check.ts';
import { openBundleStream, readingFile } from './folder.ts';
import type { ReadVolume } from './read-document.ts';
import { damaged } from './signed-list.ts';

const readSize = 1024 * 1024;

export interface CheckOptions {
  readonly emit: Emit;
  readonly signal?: AbortSignal;
}

/**
 * Reads one archive once and compares every byte with its plan and its sum. Returns all faults, none when it is good; an
 * archive that has another size or cannot be read is one too. Throws the reason of the signal only.
 */
export async function checkArchiveFile(
  dir: string,
  volume: ReadVolume,
  sha256: string,
  options: CheckOptions,
): Promise<PackferryError[]> {
  const { file, plan } = volume;
  const { emit, signal } = options;
  emit({ type: 'started', task: 'verify', item: file, bytes: plan.size });
  const faults = await readingFile(file, () => compare(dir, volume, sha256, options), signal).catch(
    (fault: unknown) => {
      signal?.throwIfAborted();
      return [asPackferryError(fault)];
    },
  );
  if (faults[0] === undefined) emit({ type: 'done', task: 'verify', item: file, bytes: plan.size });
  else emit({ type: 'failed', task: 'verify', item: file, error: faults[0] });
  return faults;
}

async function compare(
  dir: string,
  volume: ReadVolume,
  sha256: string,
  { emit, signal }: CheckOptions,
): Promise<PackferryError[]> {
  const { file, plan } = volume;
  const aborting = signal === undefined ? {} : { signal };
  const exactly = (size: number): void => {
    if (size !== plan.size) throw sizeMismatch(file, plan.size, String(size));
  };
  const chunks = await openBundleStream(dir, file, exactly, { highWaterMark: readSize, ...aborting });
  const onBytes = (bytes: number): void => emit({ type: 'progress', task: 'verify', item: file, bytes });
  const check = await checkArchive(chunks, plan, { onBytes, ...aborting });
  const faults = check.damage.map((damage) => faultOf(damage, volume));
  if (faults.length > 0 || check.sha256 === sha256) return faults;
  return [damaged(file, sha256, check.sha256)];
}

/** Says what is damaged in terms of images, since that is what the reader has to do without. */
function faultOf(damage: Damage, { file, images }: ReadVolume): PackferryError {
  const place = `${file}, byte ${damage.offset}`;
  if (damage.kind === 'short' || damage.kind === 'surplus') {
    const what = damage.kind === 'short' ? 'the file ends too early' : 'the file is too long';
    return new PackferryError('E_SIZE_MISMATCH', `${place}: ${what}`);
  }
  const users = images
    .filter(({ manifest, config, layers }) =>
      [manifest, config, ...layers].some(({ digest }) => digest === damage.digest),
    )
    .map(({ reference }) => reference);
  const whose = users.length === 0 ? '' : `, needed by ${users.join(', ')}`;
  return new PackferryError(
    'E_DIGEST_MISMATCH',
    `${place}: ${damage.kind} ${damage.entry} is damaged${whose}`,
  );
}
