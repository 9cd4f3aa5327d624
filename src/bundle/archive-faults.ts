import type { Damage } from '../archive/check.ts';
import { messageOf, PackferryError } from '../core/errors.ts';
import { someOf } from '../core/some-of.ts';
import { sizeMismatch } from '../core/verify-stream.ts';
import type { ArchiveReading } from './check-archive.ts';
import { sumOf } from './faults.ts';
import type { ReadVolume } from './read-document.ts';
import { damaged } from './signed-list.ts';

const copyAgain = 'Copy the archive again from where the bundle was made.';
const unreadableHint = 'Try another drive or port, or copy the file again from where the bundle was made.';

/** What is wrong with an archive, in words: one error, with a part for each damaged place. Undefined when it is good. */
export function archiveFault(
  volume: ReadVolume,
  sha256: string,
  reading: ArchiveReading,
): PackferryError | undefined {
  const { file, plan } = volume;
  const { check, size } = reading;
  const faults = [
    ...(size === plan.size ? [] : [wrongSize(volume, reading)]),
    ...blobFaults(volume, reading),
    ...frameFaults(volume, reading),
  ];
  if (faults.length === 0 && check.damage.length > 0) {
    // The file became shorter while it was read.
    faults.push(sizeMismatch(file, plan.size, String(check.size)));
  }
  if (faults.length === 0 && check.sha256 !== sha256) {
    faults.push(damaged(file, sha256, check.sha256 ?? 'nothing'));
  }
  return sumOf(faults, { header: file });
}

function wrongSize({ file, plan }: ReadVolume, { check, size }: ArchiveReading): PackferryError {
  const missing = check.lost.filter(({ why }) => why === 'missing').length;
  const what =
    size > plan.size
      ? 'the file is too long'
      : `the file ends too early, ${missing} of its blobs ${missing === 1 ? 'is' : 'are'} missing`;
  const { message, hint = '' } = sizeMismatch(file, plan.size, String(size));
  return new PackferryError('E_SIZE_MISMATCH', `${message}: ${what}`, { hint });
}

function blobFaults({ file, images }: ReadVolume, { check, refusal }: ArchiveReading): PackferryError[] {
  return check.damage.flatMap(({ kind, entry, offset, digest, unreadable }) => {
    if (kind !== 'blob') return [];
    const users = images
      .filter(({ manifest, config, layers }) =>
        [manifest, config, ...layers].some((blob) => blob.digest === digest),
      )
      .map(({ reference }) => reference);
    return [
      unreadable
        ? unreadablePlace(`${file}, byte ${offset}: blob ${entry}`, `, needed by ${someOf(users)}`, refusal)
        : new PackferryError(
            'E_DIGEST_MISMATCH',
            `${file}, byte ${offset}: blob ${entry} is damaged, needed by ${someOf(users)}`,
            { hint: copyAgain },
          ),
    ];
  });
}

/** What stands around the blobs: place by place where it is damaged, in one where it cannot be read. */
function frameFaults({ file }: ReadVolume, { check, refusal }: ArchiveReading): PackferryError[] {
  const isFrame = ({ kind }: Damage): boolean => !['blob', 'short', 'surplus'].includes(kind);
  const parts = check.damage.filter(isFrame);
  const faults = parts
    .filter(({ unreadable }) => unreadable !== true)
    .map(({ kind, entry, offset }) => {
      const message = `${file}, byte ${offset}: ${kind} ${entry} is damaged`;
      return new PackferryError('E_DIGEST_MISMATCH', message, { hint: copyAgain });
    });
  const [first, ...others] = parts.filter(({ unreadable }) => unreadable);
  if (first === undefined) return faults;
  const rest = others.length === 0 ? '' : `, with ${others.length} more places between blobs`;
  const place = `${file}, byte ${first.offset}: ${first.kind} ${first.entry}`;
  return [...faults, unreadablePlace(place, rest, refusal)];
}

function unreadablePlace(place: string, rest: string, cause: unknown): PackferryError {
  const message = `${place} cannot be read (${messageOf(cause)})${rest}`;
  return new PackferryError('E_BUNDLE_INCOMPLETE', message, { hint: unreadableHint, cause });
}
