import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { openBundle, type OpenBundleOptions, type VerifiedBundle } from '../../src/bundle/open.ts';
import type { BundleDamage } from '../../src/core/damage.ts';
import { damageIn, PackferryError } from '../../src/core/errors.ts';
import { silent } from '../../src/core/events.ts';
import type { BundleArchive } from '../../src/schema/bundle.ts';
import { fixtureTime, withBundleFixture, type BundleFixture } from './bundle-fixture.ts';

/** A finished bundle that tests may harm: two archives, a pack, and images that items use. */
export interface HarmedBundle extends BundleFixture {
  readonly dir: string;
  readonly archives: readonly BundleArchive[];
  readonly at: (name: string) => string;
  /** Verifies it; returns what is wrong, which must be something. */
  readonly faultOf: (options?: Partial<OpenBundleOptions>, dir?: string) => Promise<PackferryError>;
  readonly damageOf: (dir?: string) => Promise<BundleDamage>;
}

/** Runs with such a bundle, which is good at first. */
export async function withHarmedBundle<T>(use: (bundle: HarmedBundle) => Promise<T>): Promise<T> {
  return withBundleFixture(async (fixture) => {
    const { folder, content, write, allowed } = fixture;
    const dir = path.join(folder, 'bundle');
    const zip = path.join(folder, 'sample.zip');
    await writeFile(zip, 'the bytes of a pack');
    const images = content().volumes.flat();
    const used = images.map(({ image }, index) => ({
      image,
      usedBy: [usage(index), usage(index), usage(9)],
    }));
    await write(dir, {
      content: {
        ...content(),
        volumes: [used.slice(0, 2), used.slice(2)],
        packs: [{ id: 'Sample', version: '1.0.0', zip }],
      },
    });
    const bundle: VerifiedBundle = await fixture.open(dir);
    const faultOf: HarmedBundle['faultOf'] = async (options = {}, where = dir) => {
      const fault: unknown = await openBundle(where, {
        allowed,
        now: fixtureTime,
        emit: silent,
        ...options,
      }).then(
        () => undefined,
        (thrown: unknown) => thrown,
      );
      if (fault instanceof PackferryError) return fault;
      throw new Error(`the bundle is not refused as it should be: ${String(fault)}`);
    };
    return use({
      ...fixture,
      dir,
      archives: bundle.document.archives,
      at: (name) => path.join(dir, name),
      faultOf,
      damageOf: async (where = dir) => {
        const damage = damageIn(await faultOf({}, where));
        if (damage === undefined) throw new Error('nothing is said of damage');
        return damage;
      },
    });
  });
}

function usage(index: number) {
  const [pack, item] = [`Pack${index}`, `Item${index}`];
  return { pack, item, kind: 'script' as const, file: `${item}.yml`, line: 1, column: 1, key: 'dockerimage' };
}

/** Changes one bit of a file. */
export async function flipBit(file: string, at: number): Promise<void> {
  const bytes = await readFile(file);
  bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at);
  await writeFile(file, bytes);
}
