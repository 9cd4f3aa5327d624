import { mkdir, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { digestOf } from '../../../src/core/digest.ts';
import { silent } from '../../../src/core/events.ts';
import { readBases } from '../../../src/flows/base/read.ts';
import { leaveOut } from '../../../src/flows/base/leave-out.ts';
import { damageSchemaId, type DamageDocument } from '../../../src/schema/damage.ts';
import { baseTime, inventoryOf, receiptOf, type Status } from '../../helpers/base-files.ts';
import { withBundleFixture, type BundleFixture } from '../../helpers/bundle-fixture.ts';

interface Setting extends BundleFixture {
  readonly at: (name: string) => string;
  readonly given: (content: unknown) => Promise<string>;
  /** The names of bases that make the images stand without some of their layers, and how many of these there are. */
  readonly leftOutBy: (...places: readonly string[]) => Promise<readonly [readonly string[], number]>;
}

async function withSetting(use: (setting: Setting) => Promise<void>): Promise<void> {
  await withBundleFixture(async (fixture) => {
    const at = (name: string): string => path.join(fixture.folder, name);
    await use({
      ...fixture,
      at,
      given: async (content) => {
        await writeFile(at('given.json'), typeof content === 'string' ? content : JSON.stringify(content));
        return at('given.json');
      },
      leftOutBy: async (...base) => {
        const { requires, base: names } = leaveOut(fixture.images, await readBases({ base }), silent);
        return [names, requires.length];
      },
    });
  });
}

test('the folder of a bundle, its endpoint and its bundle.json alone are the same base', async (t) => {
  await withSetting(async ({ at, write, leftOutBy }) => {
    await write(at('bundle'));
    const all = [['bundle test 1795410000'], 7] as const;
    t.deepEqual(await leftOutBy(at('bundle')), all);
    t.deepEqual(await leftOutBy(`bundle:${at('bundle')}`), all);
    t.deepEqual(await leftOutBy(path.join(at('bundle'), 'bundle.json')), all);
  });
});

test('of a receipt only images count that every target has under the signed name', async (t) => {
  await withSetting(async ({ images, given, leftOutBy }) => {
    const name = 'receipt 12 of bundle soc 7 at app1.example';
    const count = async (...targets: Status[][]): Promise<number> => {
      const [names, layers] = await leftOutBy(await given(receiptOf(images.slice(0, 2), targets)));
      t.deepEqual(names, [name]);
      return layers;
    };
    // System, Python, and a layer of its own for each.
    t.is(await count(['loaded', 'present']), 4);
    t.is(await count(['loaded', 'failed']), 3);
    t.is(await count(['loaded', 'kept']), 3);
    t.is(await count(['loaded', 'pending']), 3);
    t.is(await count(['loaded', 'loaded'], ['present', 'failed']), 3);
    t.is(await count(['loaded', 'failed'], ['failed', 'loaded']), 2);
  });
});

test('an image that was renamed is called there what it is called there', async (t) => {
  await withSetting(async ({ images, given }) => {
    const receipt = receiptOf(images.slice(0, 1), [['loaded']]);
    const [brought] = receipt.targets[0]?.images ?? [];
    if (brought === undefined) return t.fail();
    brought.deliveredAs = 'docker.io/soc/python3:site';
    const bases = await readBases({ base: [await given(receipt)] });
    const { requires } = leaveOut(images.slice(0, 1), bases, silent);
    t.deepEqual([...new Set(requires.map(({ image }) => image))], ['docker.io/soc/python3:site']);
  });
});

test('of an inventory only what every host has whole counts', async (t) => {
  await withSetting(async ({ images, given, leftOutBy }) => {
    const inventory = inventoryOf(images.slice(0, 2), ['app1.example', 'app2.example']);
    const name = `inventory of 2 hosts, ${baseTime}`;
    t.deepEqual(await leftOutBy(await given(inventory)), [[name], 4]);
    const [held] = inventory.images[1]?.held ?? [];
    if (held === undefined) return t.fail();
    held.is = 'damaged';
    t.deepEqual(await leftOutBy(await given(inventory)), [[name], 3]);
    held.is = 'other';
    held.hosts.pop();
    t.deepEqual(await leftOutBy(await given(inventory)), [[name], 3]);
  });
});

async function refused(t: ExecutionContext, given: string, said: RegExp, hint: RegExp): Promise<void> {
  const error = await t.throwsAsync(readBases({ base: [given] }), { code: 'E_BASE_INVALID' });
  t.regex(error.message, said);
  t.true(error.message.startsWith(`${given} cannot be built on: `));
  t.regex(String((error as { hint?: unknown }).hint), hint);
}

test('receipts that do not say what is there are refused, each with what to give instead', async (t) => {
  await withSetting(async ({ images, given }) => {
    const good = receiptOf(images, [['loaded', 'loaded', 'loaded', 'loaded']]);
    const instead = /bundle itself|inventory/;
    const no = async (receipt: unknown, said: RegExp): Promise<void> =>
      refused(t, await given(receipt), said, instead);
    const older = good.images.map(({ reference, manifest, config }) => ({ reference, manifest, config }));
    await no({ ...good, images: older }, /older packferry/);
    await no({ ...good, action: 'verify', targets: [] }, /receipt of a verification/);
    await no({ ...good, action: 'serve', targets: [] }, /receipt of a server/);
    await no({ ...good, outcome: { ...good.outcome, result: 'interrupted' } }, /was interrupted/);
    await no({ ...good, targets: [] }, /brought no image/);
    await no(receiptOf(images, [['failed', 'failed', 'kept', 'pending']]), /brought no image/);
    await no(receiptOf(images, [['loaded'], ['pending']]), /target 1 got no image/);
    await no({ ...good, number: 0 }, /no whole receipt: number/);
  });
});

test('an inventory that does not know of all its hosts is refused', async (t) => {
  await withSetting(async ({ images, given }) => {
    const inventory = inventoryOf(images, ['app1.example']);
    const error = { code: 'E_SSH_UNREACHABLE', message: 'no route' };
    const lost = { name: 'app2.example', endpoint: 'ssh://app2.example', error };
    const hosts = [...inventory.hosts, lost];
    await refused(t, await given({ ...inventory, hosts }), /app2\.example could not be asked/, /again/);
    await refused(t, await given({ ...inventory, hosts: [] }), /has no host/, /inventory -o/);
  });
});

test('what is no base at all is refused, and says what it could be', async (t) => {
  await withSetting(async ({ at, given }) => {
    const what = /bundle, a receipt/;
    await refused(t, at('absent'), /no such file/, what);
    await refused(t, await given('{"a": 1, "A": 2}'), /given\.json/, what);
    await refused(t, await given('[]'), /neither a bundle, a receipt nor an inventory/, what);
    await refused(t, await given({ schema: damageSchemaId }), /damage file/, /--repair/);
    await refused(t, await given({ schema: 'packferry.bundle/v1' }), /bundle\.json/, what);
    await mkdir(at('empty'));
    await refused(t, at('empty'), /the folder is empty/, /folder of the bundle/);
    await t.throwsAsync(readBases({ base: ['docker:'] }), { code: 'E_ENDPOINT_INVALID' });
  });
});

test('the folder that is to be written is no base, by whatever path', async (t) => {
  await withSetting(async ({ at, write }) => {
    await write(at('bundle'));
    await symlink(at('bundle'), at('link'));
    for (const base of ['bundle', 'link'].map(at)) {
      await t.throwsAsync(readBases({ base: [base], output: at('bundle') }), { code: 'E_USAGE' });
    }
    t.is((await readBases({ base: [at('bundle')], output: at('next') })).length, 1);
  });
});

test('a damage file that does not tell what is intact is no base of a repair', async (t) => {
  await withSetting(async ({ images, given }) => {
    const intactLayers = images.flatMap(({ layers }) => layers.map(({ digest }) => digest));
    const older: DamageDocument = {
      ...{ schema: damageSchemaId, foundAt: baseTime, tool: { name: 'packferry', version: '0.0.0' } },
      bundle: { name: 'soc', sequence: 7, sumsSha256: digestOf('').slice(7) },
      ...{ files: [], blobs: [], blobsKnown: true },
    };
    const good = { ...older, intactLayers };
    const [base] = await readBases({ repair: await given(good) });
    t.is(base?.name, 'damaged bundle soc 7');
    const no = async (content: unknown, said: RegExp, hint: RegExp): Promise<void> => {
      const error = await t.throwsAsync(readBases({ repair: await given(content) }), {
        code: 'E_BASE_INVALID',
      });
      t.regex(error.message, said);
      t.regex(String((error as { hint?: unknown }).hint), hint);
    };
    await no(older, /older packferry/, /verify --damage" there again/);
    await no({ ...older, blobsKnown: false }, /bundle\.json was lost/, /bundle\.json over once more/);
    await no({ ...good, files: 1 }, /no whole damage file: files/, /as it is/);
    await no(receiptOf(images, []), /no damage file/, /--base/);
  });
});
