import { stat } from 'node:fs/promises';
import path from 'node:path';
import { lockedImageOf } from '../../bundle/source.ts';
import { PackferryError } from '../../core/errors.ts';
import type { LockedImage } from '../../core/image.ts';
import type { InventoryReport } from '../../schema/reports-hosts.ts';
import { readShown, type InspectOptions } from '../inspect.ts';
import { readLock } from '../lock.ts';

/** The images that hosts ought to have. */
export interface Expectation {
  readonly about: NonNullable<InventoryReport['against']>;
  readonly images: readonly LockedImage[];
}

const hint = 'Give the folder of a bundle, or a packferry.lock.json.';

/**
 * What a bundle (a folder) or a lock (a file) says that there should be. The signature of a bundle is checked where keys are
 * given; nothing is brought anywhere by it. Throws what reading them throws; `E_LOCK_UNREADABLE` where nothing is there.
 */
export async function readExpectation(given: string, options: InspectOptions): Promise<Expectation> {
  const place = path.resolve(given);
  const isFolder = await stat(place).then(
    (stats) => stats.isDirectory(),
    () => false,
  );
  if (isFolder) {
    const { document } = await readShown(given, options);
    const { name, sequence, platform } = document;
    const images = document.images.map((image) => lockedImageOf(image, platform));
    return { about: { kind: 'bundle', path: given, name, sequence }, images };
  }
  const lock = await readLock(given).catch((fault: unknown) => {
    if (!(fault instanceof PackferryError) || fault.code !== 'E_LOCK_INVALID') throw fault;
    // That it is to be made anew would be bad advice: it may be another file.
    throw new PackferryError(fault.code, fault.message, { hint, cause: fault });
  });
  if (lock === undefined) {
    throw new PackferryError('E_LOCK_UNREADABLE', `${given}: no such bundle or lock file`, { hint });
  }
  const images = lock.images.map(({ reference, platform, manifest, config, layers, source }) => {
    return { reference, platform, manifest, config, layers, source };
  });
  return { about: { kind: 'lock', path: given, name: lock.name }, images };
}
