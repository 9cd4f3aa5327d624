import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { ComposedImage } from '../../bin/demo/compose-image.ts';
import { packVolumes } from '../../src/archive/volumes.ts';
import { writeBundle } from '../../src/bundle/write.ts';
import { silent } from '../../src/core/events.ts';
import { totalSize, uniqueBlobs, type LockedImage } from '../../src/core/image.ts';
import { defaultPlatform } from '../../src/core/platform.ts';
import { fixtureTime, makeTrust, withFolder } from './bundle-fixture.ts';
import { lockComposed } from './compose.ts';
import { composedSource } from './system-images.ts';

/** Images by their names. */
export type Named = Readonly<Record<string, ComposedImage>>;

export interface MadeBundle {
  readonly dir: string;
  readonly images: readonly LockedImage[];
  /** Bytes of all blobs, each once. */
  readonly bytes: number;
}

/** A folder where bundles are made, and imported by the command line. */
export interface ImportSite {
  readonly folder: string;
  readonly trusted: string;
  readonly make: (name: string, images: Named) => Promise<MadeBundle>;
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
    const make = async (name: string, named: Named): Promise<MadeBundle> => {
      const images = Object.entries(named).map(([reference, image]) => lockComposed(reference, image));
      const dir = path.join(folder, name);
      const volumes = packVolumes(images, 2 ** 32).map((volume) =>
        volume.map((image) => ({ image, usedBy: [] })),
      );
      await writeBundle({
        dir,
        content: { name: 'test', platform: defaultPlatform, volumes, findings: [], packs: [] },
        source: composedSource(Object.values(named)),
        signers: [signer],
        now,
        tool: { name: 'packferry', version: '0.0.0' },
        jobs: 4,
        keepGoing: false,
        emit: silent,
        signal: new AbortController().signal,
      });
      return { dir, images, bytes: totalSize(uniqueBlobs(images)) };
    };
    return use({ folder, trusted, make });
  });
}
