import type { Emit, Event } from '../core/events.ts';
import type { BlobJob } from './blob-job.ts';

interface Pending {
  readonly image: string;
  readonly digests: Set<string>;
  /** How many of them are not there yet. */
  missing: number;
}

interface Blob {
  readonly size: number;
  readonly users: Pending[];
  /** Bytes of it that an earlier run had brought. */
  present: number;
  /** Its bytes have been told of an image that was complete before. */
  told: boolean;
}

/** Passes the events of blobs on, and tells of each image once its last blob is there. */
export function tellImages(jobs: readonly Pick<BlobJob, 'blob' | 'references'>[], emit: Emit): Emit {
  const images = new Map<string, Pending>();
  const blobs = new Map<string, Blob>();
  for (const { blob, references } of jobs) {
    const users = [...new Set(references)].map((image) => {
      const user = images.get(image) ?? { image, digests: new Set<string>(), missing: 0 };
      images.set(image, user);
      user.digests.add(blob.digest);
      user.missing += 1;
      return user;
    });
    blobs.set(blob.digest, { size: blob.size, users, present: 0, told: false });
  }
  const complete = ({ image, digests }: Pending): Event => {
    const sums = { fetched: 0, present: 0, shared: 0 };
    for (const digest of digests) {
      const blob = blobs.get(digest);
      if (blob === undefined) continue;
      if (blob.told) sums.shared += blob.size;
      else {
        sums.present += blob.present;
        sums.fetched += blob.size - blob.present;
      }
      blob.told = true;
    }
    return { type: 'image-complete', image, bytes: sums.fetched + sums.present + sums.shared, ...sums };
  };
  return (event) => {
    emit(event);
    if (!('item' in event)) return;
    const blob = blobs.get(event.item);
    if (blob === undefined) return;
    // One that starts anew has nothing of before.
    if (event.type === 'started') blob.present = event.present ?? 0;
    if (event.type === 'skipped') blob.present = blob.size;
    if (event.type !== 'skipped' && event.type !== 'done') return;
    for (const user of blob.users) {
      user.missing -= 1;
      if (user.missing === 0) emit(complete(user));
    }
  };
}
