import test from 'ava';
import { composeImage, noise, type ComposedImage } from '../../bin/demo/sample-images.ts';
import { totalSize } from '../../src/core/image.ts';
import { withImportSite } from '../helpers/import-site.ts';
import { importBundleInto, importRefused } from '../helpers/system-import.ts';
import { withDockerRegistry } from '../helpers/system-registry.ts';
import { needing } from '../helpers/system-tools.ts';

const on = (base: ComposedImage | undefined, name: string): ComposedImage =>
  composeImage({ ...(base && { base }), files: [{ path: name, content: noise(name, 20_000) }] });

test(
  'a delta bundle into a registry: refused, lent, and thin where the repository has the layers',
  needing(['docker-registry'], async (t) => {
    await withDockerRegistry(async ({ host }) => {
      await withImportSite(async (site) => {
        const base = on(on(undefined, 'os'), 'python');
        const old = await site.make('old', { 'docker.io/demisto/python3:1': base }, { sequence: 41 });
        const next = { 'docker.io/demisto/python3:2': on(base, 'two') };
        const delta = await site.make('delta', next, { base: old, sequence: 42 });
        const refused = await importRefused(site, delta, `registry://${host}/empty`);
        t.is(refused.status, 6, refused.stderr);
        t.regex(
          refused.stderr,
          /error\[E_BASE_MISSING\]: nothing was sent: .*python3:2: registry:.* lacks 2 layers/,
        );

        const more = ['--with', old.dir];
        const lent = await importBundleInto(t, site, delta, `registry://${host}/lent`, { more });
        t.is(lent.images[0]?.status, 'loaded');
        await importBundleInto(t, site, old, `registry://${host}/thin`);
        const thin = await importBundleInto(t, site, delta, `registry://${host}/thin`);
        t.is(thin.images[0]?.status, 'loaded');
        t.is(lent.sent - thin.sent, totalSize(old.images[0]?.layers ?? []), 'only what the bundle carries');
      });
    });
  }),
);
