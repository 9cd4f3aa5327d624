import { mkdir, readdir } from 'node:fs/promises';
import path from 'node:path';
import { addAbortSignal } from 'node:stream';
import type { Digest } from '../core/digest.ts';
import { PackferryError, systemCodeOf } from '../core/errors.ts';
import { blobsOf, type Descriptor, type LockedImage } from '../core/image.ts';
import type { Delivery, DeliverOptions, ImageSource, ImageTarget, Presence } from '../core/ports.ts';
import { parseReference } from '../core/reference.ts';
import { verified } from '../core/verify-stream.ts';
import { makeFolder } from '../core/make-folder.ts';
import type { LayoutIndex } from '../schema/oci-layout.ts';
import { isLeftover, onDisk, removeLeftovers, syncFolder, writeWhole } from './atomic-file.ts';
import { GoodBlobs } from './good-blobs.ts';
import { keyedQueue } from './keyed-queue.ts';
import { confirmImage, requireTarget } from './layout-confirm.ts';
import { blobFile, layoutFiles, readLayout } from './layout-folder.ts';
import { isNamed, layoutName } from './layout-names.ts';
import { layoutDocument } from './plan.ts';
import { indexDocument, namedEntry } from './save-documents.ts';

/**
 * Opens an OCI image layout folder as a target. A folder that is missing or empty becomes one with the first delivery.
 * Throws `E_TARGET_UNWRITABLE` when the folder holds something else. One run at a time may write to a folder.
 */
export async function openOciTarget(dir: string): Promise<ImageTarget> {
  await isReady(dir);
  const inTurn = keyedQueue();
  const good = new GoodBlobs(dir);
  let prepared = false;

  /** Once, and before anything is written: later it would take the files of deliveries under way for leftovers. */
  async function prepareOnce(): Promise<void> {
    if (!prepared) await prepare(dir);
    prepared = true;
  }

  async function deliver(
    image: LockedImage,
    source: ImageSource,
    options: DeliverOptions = {},
  ): Promise<Delivery> {
    await inTurn(layoutFiles.index, prepareOnce);
    let bytesSent = 0;
    let bytesSkipped = 0;
    for (const blob of blobsOf(image)) {
      options.signal?.throwIfAborted();
      const before = bytesSent;
      const onBytes = (bytes: number): void => options.onBytes?.(before + bytes);
      // Images that are delivered at the same time share blobs: the second one waits, and finds the blob there.
      const sent = await inTurn(blob.digest, () =>
        storeBlob(dir, good, image, blob, source, { ...options, onBytes }),
      );
      if (sent) bytesSent += blob.size;
      else bytesSkipped += blob.size;
    }
    await syncFolder(path.join(dir, blobFolder));
    await inTurn(layoutFiles.index, () => nameImage(dir, image));
    return { bytesSent, bytesSkipped };
  }

  return {
    name: `oci:${dir}`,
    survey: (images, signal) => survey(dir, good, images, signal),
    deliver,
    confirm: (image, signal) => confirmImage(dir, good, image, signal),
    close: () => Promise.resolve(),
  };
}

const blobFolder = path.join('blobs', 'sha256');

/** Is there a layout already? Throws when there is something else instead. */
async function isReady(dir: string): Promise<boolean> {
  const names = await onDisk(dir, () => readdir(dir).catch((fault: unknown) => emptyFor(fault, dir)));
  if (names.every(isLeftover)) return false;
  if ((await readLayout(dir)) !== undefined) return true;
  throw new PackferryError('E_TARGET_UNWRITABLE', `oci:${dir}: the folder holds something else`, {
    hint: 'Name a folder that is empty, does not exist yet, or is an OCI image layout.',
  });
}

function emptyFor(fault: unknown, dir: string): string[] {
  if (systemCodeOf(fault) === 'ENOENT') return [];
  if (systemCodeOf(fault) !== 'ENOTDIR') throw fault;
  throw new PackferryError(
    'E_TARGET_UNWRITABLE',
    `oci:${dir}: it is a file, and an OCI image layout is a folder`,
    {
      hint: 'Name a folder that is empty, does not exist yet, or is an OCI image layout.',
    },
  );
}

async function prepare(dir: string): Promise<void> {
  if (!(await isReady(dir))) {
    await onDisk(dir, () => makeFolder(dir, mkdir));
    await writeWhole(path.join(dir, layoutFiles.marker), [jsonBytes(layoutDocument)]);
    await writeWhole(path.join(dir, layoutFiles.index), [jsonBytes(indexDocument([]))]);
  }
  await onDisk(dir, () => makeFolder(path.join(dir, blobFolder), mkdir));
  await removeLeftovers(dir);
  await removeLeftovers(path.join(dir, blobFolder));
}

async function survey(
  dir: string,
  good: GoodBlobs,
  images: readonly LockedImage[],
  signal: AbortSignal | undefined,
): Promise<Presence[]> {
  if (!(await isReady(dir))) return images.map(() => ({ state: 'absent' }));
  const index = await requireTarget(dir);
  const answers: Presence[] = [];
  for (const image of images) {
    signal?.throwIfAborted();
    answers.push(await presenceOf(dir, good, index, image, signal));
  }
  return answers;
}

async function presenceOf(
  dir: string,
  good: GoodBlobs,
  index: LayoutIndex,
  image: LockedImage,
  signal: AbortSignal | undefined,
): Promise<Presence> {
  const name = layoutName(parseReference(image.reference));
  const holders = index.manifests.filter((entry) => isNamed(entry, name));
  const other = holders.find(({ digest }) => digest !== image.manifest.digest);
  const held = new Set<Digest>();
  for (const blob of blobsOf(image)) if (await good.has(blob, signal)) held.add(blob.digest);
  if (other !== undefined) {
    return { state: 'conflict', holder: other.digest, hint: freeingHint(dir, name), held };
  }
  const isThere = holders.length > 0 && held.size === blobsOf(image).length;
  return isThere ? { state: 'present' } : { state: 'absent', held };
}

function freeingHint(dir: string, name: string): string {
  const file = path.join(dir, layoutFiles.index);
  return `Give another folder, or move the name with --on-existing overwrite. By hand: take the entry of ${name} out of ${file} (the blobs may stay), then run again.`;
}

/** Resolves to whether the blob had to be sent. */
async function storeBlob(
  dir: string,
  good: GoodBlobs,
  image: LockedImage,
  blob: Descriptor,
  source: ImageSource,
  { signal, onBytes }: DeliverOptions,
): Promise<boolean> {
  if (await good.has(blob, signal)) return false;
  const content = await source.openBlob(image, blob, signal === undefined ? {} : { signal });
  if (signal !== undefined) addAbortSignal(signal, content);
  const name = `${image.reference}: blob ${blob.digest}`;
  const checked = verified(content, blob, { name, ...(onBytes === undefined ? {} : { onBytes }) });
  try {
    await writeWhole(blobFile(dir, blob.digest), checked as AsyncIterable<Buffer>);
  } finally {
    // Closes the source also when the file could not even be made.
    checked.destroy();
  }
  good.add(blob);
  return true;
}

/** Lets the image's name stand for it, and for nothing else; all other entries stay as they are. */
async function nameImage(dir: string, image: LockedImage): Promise<void> {
  const index = await requireTarget(dir);
  const name = layoutName(parseReference(image.reference));
  const [holder, ...more] = index.manifests.filter((entry) => isNamed(entry, name));
  if (holder?.digest === image.manifest.digest && more.length === 0) return;
  const others = index.manifests.filter((entry) => !isNamed(entry, name));
  const manifests = [...others, namedEntry(image.manifest, name)];
  await writeWhole(path.join(dir, layoutFiles.index), [jsonBytes({ ...index, manifests })]);
  await syncFolder(dir);
}

function jsonBytes(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value));
}
