import { PackferryError } from '../core/errors.ts';
import { throwAll } from './faults.ts';
import { missingFile } from './file-check.ts';
import type { FolderListing } from './folder.ts';
import { bundleFiles, packFolder } from './names.ts';
import type { Sums } from './sums.ts';

/**
 * Refuses a folder with anything in it that is not on the signed list, and tells what is missing in the same breath.
 * Files that are only missing are damage, and told with the rest of it.
 */
export function refuseExtras(listing: FolderListing, sums: Sums): void {
  const { dir, files, signatures, hasPackFolder } = listing;
  const extras = [...files.keys()].filter(
    (name) => !sums.has(name) && name !== bundleFiles.sums && !signatures.includes(name),
  );
  const hasPacks = [...sums.keys()].some((name) => name.startsWith(`${packFolder}/`));
  if (hasPackFolder && !hasPacks) extras.push(packFolder);
  if (extras.length === 0) return;
  const missing = [...sums.keys()].filter((name) => !files.has(name));
  // Media and tools that know only capitals, or write accents in another way, change names.
  const twins = new Map(missing.map((name) => [folded(name), name]));
  const renamed = new Set<string>();
  const errors = extras.map((name) => {
    const meant = twins.get(folded(name));
    if (meant === undefined) {
      return new PackferryError('E_BUNDLE_EXTRA_FILE', `${name} is not on the signed list`, {
        hint: 'Move it out of the folder, or copy the bundle again into an empty one.',
      });
    }
    renamed.add(meant);
    return new PackferryError('E_BUNDLE_EXTRA_FILE', `${meant} is called ${name} here`, {
      hint: 'The medium has changed the names of files. Use one that keeps them, such as exFAT, or a tar file.',
    });
  });
  const gone = missing.filter((name) => !renamed.has(name)).map(missingFile);
  throwAll([...gone, ...errors], {
    header: `${dir} does not hold what was signed`,
    hint: 'Copy the whole bundle again, into an empty folder.',
  });
}

function folded(name: string): string {
  return name.normalize('NFKC').toLowerCase();
}
