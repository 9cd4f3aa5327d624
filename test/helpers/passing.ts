import { openPassingBundle, type PassingBundle } from '../../src/bundle/passing-bundle.ts';
import type { OpenBundleOptions } from '../../src/bundle/open.ts';
import type { ReadVolume } from '../../src/bundle/read-document.ts';
import { silent } from '../../src/core/events.ts';
import { fixtureTime } from './bundle-fixture.ts';
import type { HarmedBundle } from './damaged-bundle.ts';

/** Opens the bundle for one pass, and closes it. */
export async function passing<T>(
  { dir, allowed }: Pick<HarmedBundle, 'dir' | 'allowed'>,
  use: (bundle: PassingBundle) => Promise<T>,
  options: Partial<OpenBundleOptions> = {},
): Promise<T> {
  const bundle = await openPassingBundle(dir, { allowed, now: fixtureTime, emit: silent, ...options });
  try {
    return await use(bundle);
  } finally {
    await bundle.close();
  }
}

/** Where the last blob of an archive stands. */
export function lastBlob({ plan }: ReadVolume): { start: number; end: number } {
  const entry = plan.entries.at(-1);
  if (entry?.kind !== 'blob') throw new Error('no blob');
  return { start: entry.dataOffset, end: entry.dataOffset + entry.size };
}
