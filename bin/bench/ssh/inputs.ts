import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { withImportSite, type MadeBundle, type Named } from '../../../test/helpers/import-site.ts';
import type { EngineKind } from '../../../test/helpers/system-engine-kinds.ts';
import { withSshd, type Sshd } from '../../../test/helpers/system-sshd.ts';
import { makeImages, newImage, nineImages } from '../export/images.ts';
import { processOf, withEmptyEngine, type Engine } from '../import/engines.ts';
import { runIn } from './engine-command.ts';

/** What all ways bring to the hosts. */
export interface Inputs {
  /** Where all of it lies. */
  readonly folder: string;
  readonly trusted: string;
  readonly jobs: string | undefined;
  readonly all: MadeBundle;
  /** One more image on a base that the others have. */
  readonly one: MadeBundle;
  /** An engine here that has all of it, for ways that start at an engine. */
  readonly saver: Engine;
  readonly saverDaemon: number;
  /** Whose user connects. */
  readonly like: Sshd;
  readonly knownHosts: string;
}

export interface InputOptions {
  readonly kind: EngineKind;
  /** How many of the nine images. */
  readonly images: number;
  /** `--jobs`; packferry's own choice when absent. */
  readonly jobs: string | undefined;
  readonly tell: (line: string) => void;
}

/** Makes images of `bench:export`, bundles of them, and an engine that has them; all of it is gone afterwards. */
export function withInputs<T>(
  { kind, images, jobs, tell }: InputOptions,
  use: (inputs: Inputs) => Promise<T>,
): Promise<T> {
  return withImportSite(async ({ folder, trusted, make }) => {
    tell(`making ${images} images, their bundle and one more ...`);
    const wanted = Object.fromEntries(Object.entries(nineImages).slice(0, images));
    const all = await make('all', named(await makeImages(wanted)));
    const one = await make('one', named(await makeImages(newImage)));
    const knownHosts = path.join(folder, 'known_hosts');
    await writeFile(knownHosts, '');
    tell(`loading them into the engine that others copy from (${kind.name}) ...`);
    return withEmptyEngine(kind, async (saver) => {
      for (const { dir } of [all, one]) {
        await runIn(saver, ['load', '--quiet', '--input', path.join(dir, 'images-001.tar')], [dir]);
      }
      return withSshd(
        (like) =>
          use({
            ...{ folder, trusted, jobs, all, one, saver, saverDaemon: processOf(saver), like, knownHosts },
          }),
        { hostKeys: ['ed25519'] },
      );
    });
    // The clock of the program that imports must not be behind.
  }, new Date());
}

function named(images: ReadonlyMap<string, Named[string]>): Named {
  return Object.fromEntries([...images].map(([name, image]) => [`docker.io/${name}`, image]));
}
