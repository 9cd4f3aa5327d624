import path from 'node:path';
import { composeImage, noise } from '../../bin/demo/sample-images.ts';
import { withCountingSocket } from '../helpers/counting-socket.ts';
import { withImportSite } from '../helpers/import-site.ts';
import { engineTest } from '../helpers/system-engines.ts';
import { assertHolds, endpointOf, importBundleInto, importRefused } from '../helpers/system-import.ts';

const base = composeImage({ files: [{ path: 'os', content: noise('os', 2_000_000) }] });
const top = composeImage({ base, files: [{ path: 'app', content: noise('app', 2_000_000) }] });

engineTest(
  'import: an engine that is killed while it loads, and started again: the next import ends as if nothing had been',
  async (t, bench) => {
    await withImportSite(async (site) => {
      const { engine, kind } = bench;
      const bundle = await site.make('bundle', {
        'docker.io/demisto/base:1': base,
        'docker.io/demisto/top:1': top,
      });
      const baseBytes = base.layers.reduce((sum, { descriptor }) => sum + descriptor.size, 0);
      // In the middle of the first image's layer, when all of it was sent, and in the middle of the second image.
      for (const after of [baseBytes / 2, baseBytes + 3000, baseBytes / 2]) {
        let killed = Promise.resolve();
        const kill = (): Promise<void> => (killed = engine.kill());
        const proxy = path.join(engine.folder, 'cut.sock');
        await withCountingSocket(
          proxy,
          engine.socket,
          async ({ socket }) => {
            const { status, stderr } = await importRefused(site, bundle, endpointOf(kind, socket));
            await killed;
            t.is(status, 6, stderr);
            t.regex(stderr, /error\[(?:E_LOAD_FAILED|E_ENGINE_UNREACHABLE)\]: docker\.io\/demisto\//);
            t.regex(stderr, /\nhint: /);
          },
          { after, then: kill },
        );
        await engine.start();
      }
      await importBundleInto(t, site, bundle, endpointOf(kind, engine.socket));
      await assertHolds(t, bench, bundle.images);
      const again = await importBundleInto(t, site, bundle, endpointOf(kind, engine.socket));
      t.is(again.sent, 0);
    });
  },
);
