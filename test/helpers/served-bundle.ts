import path from 'node:path';
import type { ExecutionContext } from 'ava';
import { ServedBundles, type ServedBundlesOptions } from '../../src/bundle/served-bundles.ts';
import type { VerifiedBundle } from '../../src/bundle/open.ts';
import type { ServedRequest } from '../../src/core/served.ts';
import { serveContent, type ServeOptions } from '../../src/registry/server.ts';
import { fixtureTime, withBundleFixture, type BundleFixture } from './bundle-fixture.ts';

/** A server of verified bundles. */
export interface BundleServer {
  readonly url: string;
  readonly served: ServedBundles;
  readonly faults: unknown[];
  readonly requests: ServedRequest[];
}

/** Serves bundles until the test ends. */
export async function serveBundle(
  t: ExecutionContext,
  bundles: readonly VerifiedBundle[],
  options: Partial<ServedBundlesOptions> = {},
  serving: Partial<ServeOptions> = {},
): Promise<BundleServer> {
  const served = new ServedBundles(bundles, { clock: () => fixtureTime, ...options });
  const [faults, requests]: [unknown[], ServedRequest[]] = [[], []];
  const server = await serveContent(served, {
    host: '127.0.0.1',
    port: 0,
    onFault: (fault) => faults.push(fault),
    onRequest: (request) => requests.push(request),
    ...serving,
  });
  t.teardown(() => server.close());
  return { url: server.url, served, faults, requests };
}

/** Runs with a bundle that is served. */
export async function withServedBundle(
  t: ExecutionContext,
  use: (served: BundleServer & BundleFixture & { readonly bundle: VerifiedBundle }) => Promise<void>,
): Promise<void> {
  await withBundleFixture(async (fixture) => {
    const dir = path.join(fixture.folder, 'bundle');
    await fixture.write(dir);
    const bundle = await fixture.open(dir);
    await use({ ...fixture, ...(await serveBundle(t, [bundle])), bundle });
  });
}
