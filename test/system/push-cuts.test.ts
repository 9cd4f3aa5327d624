import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { composeImage, noise } from '../../bin/demo/sample-images.ts';
import { totalSize, uniqueBlobs, type LockedImage } from '../../src/core/image.ts';
import { parseReference } from '../../src/core/reference.ts';
import { openRegistryTarget } from '../../src/registry/push/target.ts';
import { withCuttingProxy, type CuttingProxy } from '../helpers/cutting-proxy.ts';
import { runImport } from '../helpers/import-process.ts';
import { withImportSite, type ImportSite, type MadeBundle } from '../helpers/import-site.ts';
import { importBundleInto } from '../helpers/system-import.ts';
import { withDockerRegistry } from '../helpers/system-registry.ts';
import { needing } from '../helpers/system-tools.ts';

const mib = 1024 * 1024;

interface Bench {
  readonly site: ImportSite;
  readonly bundle: MadeBundle;
  /** The registry itself. */
  readonly host: string;
  /** It behind a link that can be cut. */
  readonly link: string;
  readonly proxy: CuttingProxy;
}

/** Two images, one after the other: of 24 and of 9 MiB, so of three pieces and of two. */
async function withBench(use: (bench: Bench) => Promise<void>): Promise<void> {
  await withImportSite(async (site) => {
    const imageOf = (name: string, size: number) =>
      composeImage({ files: [{ path: name, content: noise(name, size) }] });
    const bundle = await site.make('bundle', {
      'docker.io/demisto/short:1': imageOf('short', 9 * mib),
      'docker.io/demisto/long:1': imageOf('long', 24 * mib),
    });
    await withDockerRegistry(async ({ host }) => {
      const [name = '', port = ''] = host.split(':');
      await withCuttingProxy({ host: name, port: Number(port) }, (proxy) =>
        use({ site, bundle, host, link: `127.0.0.1:${proxy.port}`, proxy }),
      );
    });
  });
}

/** Of the registry's own word: each image is there as it was signed. */
async function holds(t: ExecutionContext, { host, bundle }: Bench): Promise<void> {
  const target = openRegistryTarget(host);
  try {
    for (const image of bundle.images)
      t.deepEqual(await target.confirm(image), { confirmed: true, id: image.manifest.digest });
  } finally {
    await target.close();
  }
}

/** The blobs that the registry lacks, manifests left out. */
async function lacking({ host, bundle }: Bench): Promise<number> {
  const lacks = async (image: LockedImage): Promise<number> => {
    const { repository } = parseReference(image.reference);
    const blobs = uniqueBlobs([image]).filter(({ digest }) => digest !== image.manifest.digest);
    const heads = await Promise.all(
      blobs.map(({ digest }) => fetch(`http://${host}/v2/${repository}/blobs/${digest}`, { method: 'HEAD' })),
    );
    return totalSize(blobs.filter((_, at) => heads[at]?.ok !== true));
  };
  const sizes = await Promise.all(bundle.images.map(lacks));
  return sizes.reduce((sum, size) => sum + size, 0);
}

test.serial(
  'a push to a real registry whose connection is cut in the middle of blobs arrives whole, by itself',
  needing(['docker-registry'], async (t) => {
    await withBench(async (bench) => {
      const { site, bundle, link, proxy } = bench;
      const cuts = [3, 12, 14, 21, 30];
      let made = 0;
      const cutNext = (): void => {
        const [at] = cuts.slice(made);
        if (at === undefined) return;
        proxy.after(at * mib, () => {
          made += 1;
          proxy.cut();
          cutNext();
        });
      };
      cutNext();
      const { images } = await importBundleInto(t, site, bundle, `registry://${link}`);
      t.is(made, cuts.length);
      t.deepEqual(
        images.map(({ status }) => status),
        ['loaded', 'loaded'],
      );
      await holds(t, bench);
      t.log(`${(proxy.sent() / mib).toFixed(1)} MiB for ${(bundle.bytes / mib).toFixed(1)}`);
      const again = await importBundleInto(t, site, bundle, `registry://${link}`);
      t.is(again.sent, 0);
    });
  }),
);

test.serial(
  'a push to a real registry that is killed inside a blob: the next one sends what is missing, and nothing else',
  needing(['docker-registry'], async (t) => {
    await withBench(async (bench) => {
      const { site, bundle, link, proxy } = bench;
      const state = ['--state', path.join(site.folder, 'state')];
      const argv = ['import', bundle.dir, '--trusted-keys', site.trusted, ...state, '--jobs', '1'];
      const to = ['--to', `registry://${link}`];
      for (const after of [5, 28]) {
        const from = proxy.sent();
        const killed = await runImport([...argv, ...to], {
          when: (act) => proxy.after(from + after * mib, act),
        });
        t.is(killed.signal, 'SIGKILL', killed.lines.join('\n'));
        t.true((await lacking(bench)) > 8 * mib, 'inside a blob');
      }
      const missing = await lacking(bench);
      t.true(missing < 10 * mib, 'the first image, which is the long one, has arrived');
      const before = proxy.sent();
      const { images, sent } = await importBundleInto(t, site, bundle, `registry://${link}`);
      t.deepEqual(
        images.map(({ status }) => status === 'loaded' || status === 'present'),
        [true, true],
      );
      const manifests = bundle.images.reduce((sum, { manifest }) => sum + manifest.size, 0);
      t.true(sent <= missing + manifests, `${sent} bytes, ${missing} were missing`);
      // Beside the blobs there are the words of HTTP.
      const passed = proxy.sent() - before;
      t.true(passed < missing + mib, `${passed} bytes went over the link, ${missing} were missing`);
      await holds(t, bench);
    });
  }),
);
