import { PackferryError, systemCodeOf } from '../core/errors.ts';
import { parseStrictJson } from '../core/json.ts';
import { limits } from '../core/limits.ts';
import { formatPlatform } from '../core/platform.ts';
import { lockedNameOf } from '../core/reference.ts';
import { documentText } from '../bundle/document.ts';
import { writeFileWhole } from '../bundle/files.ts';
import { readFile } from '../pack/read-file.ts';
import { lockSchema, lockSchemaId, type LockDocument } from '../schema/lock.ts';
import { reportVersion } from '../schema/reports.ts';
import type { LockReport } from '../schema/reports-lock.ts';
import { throwUnresolved, type Resolved } from './resolve.ts';
import type { Selection } from './selection.ts';

/** Reads a lock file; undefined when there is none. Throws `E_LOCK_UNREADABLE` or `E_LOCK_INVALID`. */
export async function readLock(file: string): Promise<LockDocument | undefined> {
  const options = { code: 'E_LOCK_UNREADABLE', maxBytes: limits.lock } as const;
  const bytes = await readFile(file, options).catch((fault: unknown) => {
    if (fault instanceof PackferryError && systemCodeOf(fault.cause) === 'ENOENT') return undefined;
    throw fault;
  });
  if (bytes === undefined) return undefined;
  try {
    return lockSchema.parse(parseStrictJson(bytes, { name: file, maxBytes: limits.lock }));
  } catch (cause) {
    throw new PackferryError('E_LOCK_INVALID', `${file} is no lock file that this packferry knows`, {
      hint: 'Lock files are written by "packferry lock" and not by hand. Remove it and lock again.',
      cause,
    });
  }
}

/** The lock of what was resolved. An image that has not moved keeps the time at which it was locked. */
export function makeLock(
  selection: Selection,
  resolved: Resolved,
  old: LockDocument | undefined,
  now: Date,
): LockDocument {
  throwUnresolved(resolved);
  const lockedAt = `${now.toISOString().slice(0, 19)}Z`;
  const before = new Map(old?.images.map((image) => [image.reference, image]));
  const pins = new Map(
    selection.wanted.flatMap(({ reference }) =>
      reference.tag !== undefined && reference.digest !== undefined
        ? [[lockedNameOf(reference), reference.digest]]
        : [],
    ),
  );
  return {
    schema: lockSchemaId,
    name: selection.manifest.name,
    platform: { ...selection.manifest.platform },
    images: resolved.images.map(({ image }) => {
      const { reference, manifest } = image;
      const known = before.get(reference);
      const pin = pins.get(reference);
      const since = known?.manifest.digest === manifest.digest ? known.lockedAt : lockedAt;
      const entry = { ...image, platform: { ...image.platform }, layers: [...image.layers], lockedAt: since };
      return pin === undefined ? entry : { ...entry, pinned: pin };
    }),
  };
}

/** How a new lock differs from the one on disk, and what a witness said of its images. */
export function compareLocks(
  file: string,
  old: LockDocument | undefined,
  fresh: LockDocument,
  { images: resolved }: Pick<Resolved, 'images'>,
): LockReport {
  const before = new Map(old?.images.map((image) => [image.reference, image]));
  const witnesses = new Map(resolved.map(({ image, witness }) => [image.reference, witness]));
  const images: LockReport['images'] = fresh.images.map(({ reference, source, manifest: { digest } }) => {
    const known = before.get(reference);
    const witness = witnesses.get(reference);
    const isMoved = known !== undefined && known.manifest.digest !== digest;
    return {
      reference,
      status: known === undefined ? 'new' : isMoved ? 'moved' : 'same',
      manifest: digest,
      source,
      ...(isMoved ? { before: { manifest: known.manifest.digest, lockedAt: known.lockedAt } } : {}),
      ...(witness === undefined ? {} : { witness }),
    };
  });
  for (const [reference, { manifest, source }] of before) {
    if (!images.some((image) => image.reference === reference))
      images.push({ reference, status: 'gone', manifest: manifest.digest, source });
  }
  const changed = old === undefined || asked(old) !== asked(fresh);
  return { schemaVersion: reportVersion, file, changed, images };
}

/** What a lock says, as a text to compare: all but who answered and when, which changes nothing of an export. */
function asked({ name, platform, images }: LockDocument): string {
  const facts = images.map(({ reference, platform: own, manifest, pinned }) => [
    reference,
    formatPlatform(own),
    manifest.digest,
    pinned,
  ]);
  return JSON.stringify([name, formatPlatform(platform), facts]);
}

/**
 * What to say of images that moved: the vendor never gives a tag to another image, so this is a tag like `latest`, or
 * something is wrong.
 */
export function movedTexts({ images }: LockReport): string[] {
  return images.flatMap(({ reference, manifest, before }) =>
    before === undefined
      ? []
      : [
          `${reference} has moved since ${before.lockedAt.slice(0, 10)}: from ${before.manifest} to ${manifest}`,
        ],
  );
}

/** Writes a lock file, whole or not at all. */
export async function writeLock(file: string, lock: LockDocument): Promise<void> {
  await writeFileWhole(file, documentText(lock), 0o644);
}

/**
 * What a lock says of the images that are wanted, with no network. Throws `E_LOCK_STALE` when the manifest and the
 * lock have drifted apart.
 */
export function resolveFromLock(selection: Selection, lock: LockDocument, file: string): Resolved {
  const { wanted, manifest } = selection;
  if (formatPlatform(lock.platform) !== formatPlatform(manifest.platform))
    throw stale(file, 'it is for another platform');
  const locked = new Map(lock.images.map((image) => [image.reference, image]));
  const names = new Set(wanted.map(({ reference }) => lockedNameOf(reference)));
  const missing = [...names].filter((name) => !locked.has(name));
  const surplus = [...locked.keys()].filter((name) => !names.has(name));
  if (missing.length > 0) throw stale(file, `it lacks ${missing.join(', ')}`);
  if (surplus.length > 0) throw stale(file, `nothing needs ${surplus.join(', ')} any more`);
  const images = lock.images.map(({ pinned, ...image }) => {
    const users = wanted.filter(({ reference }) => lockedNameOf(reference) === image.reference);
    // A use without a digest takes whatever the others pinned.
    const asked = users.flatMap(({ reference: { tag, digest } }) =>
      tag === undefined ? [] : (digest ?? []),
    );
    if (asked.some((digest) => digest !== pinned)) {
      throw stale(file, `${image.reference} is asked for with another digest than it was locked with`);
    }
    return { image, usedBy: users.flatMap(({ usedBy }) => usedBy) };
  });
  return { images, errors: [] };
}

function stale(file: string, why: string): PackferryError {
  return new PackferryError('E_LOCK_STALE', `${file} does not fit the manifest: ${why}`, {
    hint: 'Run "packferry lock" again and look at what changed.',
  });
}
