import test from 'ava';
import { withStream, type StreamSite } from '../helpers/stream-site.ts';

/** A bundle that is for site-a only. */
async function forSiteA({ made, manifestFor, host }: StreamSite): Promise<string> {
  const manifest = await manifestFor('a.yml', host, 'bundle: { audience: [site-a] }\n');
  return made(1, 'for-site-a', manifest);
}

test('threat 25: a bundle for site-a is refused on site-b, no target is touched, and it does not count', async (t) => {
  await withStream(t, async (site) => {
    const bundle = await forSiteA(site);
    const names = ['soc 1 is for site-a only', 'this site is site-b'];
    await site.refused(bundle, { code: 'E_WRONG_SITE', names, more: ['--site', 'site-b'] });
    await site.accepted(bundle, ['--site', 'site-a']);
  });
});

test('threat 25: on a site without a name, and on one with nearly the same, it is refused as well', async (t) => {
  await withStream(t, async (site) => {
    const bundle = await forSiteA(site);
    await site.refused(bundle, { code: 'E_WRONG_SITE', names: ['it is not known which site this is'] });
    for (const name of ['site-a2', 'site', 'site-a.example'])
      await site.refused(bundle, { code: 'E_WRONG_SITE', names: [name], more: ['--site', name] });
  });
});

test('threat 25: no reason for a rollback helps a bundle for another site', async (t) => {
  await withStream(t, async (site) => {
    const bundle = await forSiteA(site);
    const more = ['--site', 'site-b', '--allow-rollback', 'the operator insists'];
    await site.refused(bundle, { code: 'E_WRONG_SITE', names: ['site-b'], more });
  });
});
