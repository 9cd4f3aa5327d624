import path from 'node:path';
import { withImportSite, type MadeBundle, type Named } from '../../../test/helpers/import-site.ts';
import type { EngineKind } from '../../../test/helpers/system-engine-kinds.ts';
import { makeImages, newImage } from '../export/images.ts';
import { withEmptyEngine } from './engines.ts';

/** What all ways bring to the engines. */
export interface Inputs {
  /** Where all of it lies. */
  readonly folder: string;
  readonly trusted: string;
  /** `--jobs`; packferry's own choice when absent. */
  readonly jobs: string | undefined;
  readonly nine: MadeBundle;
  /** One more image on a base that the nine have. */
  readonly one: MadeBundle;
  /** Archives of `docker save`: of all images, and of each. */
  readonly saves: { readonly all: string; readonly each: readonly string[] };
}

export interface InputOptions {
  readonly jobs: string | undefined;
  /** The Docker that saves; absent: nothing is saved. */
  readonly saver: EngineKind | undefined;
  readonly tell: (line: string) => void;
}

/** Makes the nine images of `bench:export`, bundles of them and archives, in a folder that is removed afterwards. */
export function withInputs<T>(
  { jobs, saver, tell }: InputOptions,
  use: (inputs: Inputs) => Promise<T>,
): Promise<T> {
  return withImportSite(async (site) => {
    tell('making nine images, their bundle and one more ...');
    const nine = await site.make('nine', named(await makeImages()));
    const one = await site.make('one', named(await makeImages(newImage)));
    const references = nine.images.map(({ reference }) => reference);
    const all = path.join(site.folder, 'all.tar');
    const each = references.map((_, at) => path.join(site.folder, `${at}.tar`));
    if (saver !== undefined) {
      tell('saving them with docker ...');
      await withEmptyEngine(saver, async (engine) => {
        const run = async (args: readonly string[]): Promise<void> => {
          const ran = await engine.run(args);
          if (typeof ran !== 'string' && ran.status !== 0) throw new Error(ran.stderr);
        };
        await run(['load', '--quiet', '--input', path.join(nine.dir, 'images-001.tar')]);
        await run(['save', '--output', all, ...references]);
        for (const [at, file] of each.entries()) await run(['save', '--output', file, references[at] ?? '']);
      });
    }
    const { folder, trusted } = site;
    return use({ folder, trusted, jobs, nine, one, saves: { all, each } });
    // The clock of the program that imports must not be behind.
  }, new Date());
}

function named(images: ReadonlyMap<string, Named[string]>): Named {
  return Object.fromEntries([...images].map(([name, image]) => [`docker.io/${name}`, image]));
}
