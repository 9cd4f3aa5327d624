import { createHash } from 'node:crypto';
import { lstat, readdir } from 'node:fs/promises';
import path from 'node:path';
import { PackferryError, systemCodeOf } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import type { BundleDocument } from '../schema/bundle.ts';
import { readBundleFile } from './folder.ts';
import { bundleFiles } from './names.ts';
import { readDocument } from './read-document.ts';

/** What a finished bundle says of itself. Nothing of it has been verified. */
export interface FinishedBundle {
  readonly document: BundleDocument;
  /** sha256 in hex of SHA256SUMS. */
  readonly sumsSha256: string;
}

/**
 * Reads the document of a finished bundle without verifying anything, for `inspect` and to see whether an export has
 * been done already. Undefined when the folder is absent, is no bundle, or is an unfinished one.
 */
export async function readFinished(dir: string): Promise<FinishedBundle | undefined> {
  const names = await readdir(dir).catch((fault: unknown) => {
    if (['ENOENT', 'ENOTDIR'].includes(systemCodeOf(fault) ?? '')) return [] as string[];
    throw fault;
  });
  if (!names.includes(bundleFiles.signature) || names.includes(bundleFiles.journal)) return undefined;
  const { document } = readDocument(await readBundleFile(dir, bundleFiles.document, limits.bundleJson));
  await checkSizes(dir, document);
  const sums = await readBundleFile(dir, bundleFiles.sums, limits.sums);
  return { document, sumsSha256: createHash('sha256').update(sums).digest('hex') };
}

/** The archives and the importer are there and have their sizes; they are not read. Throws `E_BUNDLE_INCOMPLETE`. */
export async function checkSizes(dir: string, document: BundleDocument): Promise<void> {
  for (const { file, size } of [...document.archives, ...(document.importers ?? [])]) {
    const stats = await lstat(path.join(dir, file)).catch(() => undefined);
    if (stats?.size !== size) {
      throw new PackferryError(
        'E_BUNDLE_INCOMPLETE',
        `${path.join(dir, file)} is missing or has the wrong size`,
        {
          hint: 'The bundle is damaged. Export again into a new folder, or copy the file again.',
        },
      );
    }
  }
}
