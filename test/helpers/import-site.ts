import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { ComposedImage } from '../../bin/demo/compose-image.ts';
import { writeBundle } from '../../src/bundle/write.ts';
import { silent } from '../../src/core/events.ts';
import { totalSize, uniqueBlobs, type LockedImage } from '../../src/core/image.ts';
import { fixtureTime, makeTrust, withFolder } from './bundle-fixture.ts';
import { lockComposed } from './compose.ts';
import { contentWith, leftOutBy } from './delta-content.ts';
import { composedSource } from './system-images.ts';

/** Images by their names. */
export type Named = Readonly<Record<string, ComposedImage>>;

export interface MadeBundle {
  readonly dir: string;
  readonly images: readonly LockedImage[];
  /** Bytes of all blobs that it carries, each once. */
  readonly bytes: number;
}

interface More {
  /** The bundle leaves out what it shares with the images of these. */
  readonly base?: Pick<MadeBundle, 'images'>;
  /** What `requires` calls that one. */
  readonly baseName?: string;
  /** Default: by the time. */
  readonly sequence?: number;
}

/** A folder where bundles are made, and imported by the command line. */
export interface ImportSite {
  readonly folder: string;
  readonly trusted: string;
  readonly make: (name: string, images: Named, more?: More) => Promise<MadeBundle>;
}

/** Runs with such a folder; `now` is when the bundles are made. */
export async function withImportSite<T>(
  use: (site: ImportSite) => Promise<T>,
  now: Date = fixtureTime,
): Promise<T> {
  return withFolder(async (folder) => {
    const { signer, allowedLine } = await makeTrust('test-builder');
    const trusted = path.join(folder, 'allowed_signers');
    await writeFile(trusted, allowedLine);
    const make: ImportSite['make'] = async (name, named, { base, baseName, sequence } = {}) => {
      const images = Object.entries(named).map(([reference, image]) => lockComposed(reference, image));
      const dir = path.join(folder, name);
      const leftOut = base === undefined ? undefined : leftOutBy(images, base.images, baseName);
      const without = new Set(leftOut?.requires.map(({ digest }) => digest));
      await writeBundle({
        dir,
        content: contentWith(images, leftOut),
        source: composedSource(Object.values(named)),
        signers: [signer],
        now,
        ...(sequence === undefined ? {} : { sequence }),
        tool: { name: 'packferry', version: '0.0.0' },
        jobs: 4,
        keepGoing: false,
        emit: silent,
        signal: new AbortController().signal,
      });
      const carried = uniqueBlobs(images).filter(({ digest }) => !without.has(digest));
      return { dir, images, bytes: totalSize(carried) };
    };
    return use({ folder, trusted, make });
  });
}
