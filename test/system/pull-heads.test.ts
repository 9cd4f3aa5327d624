import path from 'node:path';
import test from 'ava';
import { sampleImagesFor } from '../../bin/demo/sample-images.ts';
import { runCli } from '../helpers/cli-run.ts';
import { writeKey } from '../helpers/cli-site.ts';
import { pushImage } from '../helpers/push-image.ts';
import { amd64 } from '../helpers/registry-context.ts';
import { sampleIndex } from '../helpers/registry-images.ts';
import { withDockerRegistry } from '../helpers/system-registry.ts';
import { withTempFolder } from '../helpers/system-service.ts';
import { needing } from '../helpers/system-tools.ts';
import { writePack } from '../helpers/write-pack.ts';

const repository = 'demisto/python3';

/** Puts an index over the image of a tag under another tag. */
async function pushIndex(host: string, tag: string, index: ReturnType<typeof sampleIndex>): Promise<void> {
  const answer = await fetch(`http://${host}/v2/${repository}/manifests/${tag}`, {
    method: 'PUT',
    headers: { 'content-type': index.descriptor.mediaType },
    body: Uint8Array.from(index.bytes),
  });
  if (!answer.ok) throw new Error(`${answer.status} ${await answer.text()}`);
}

test.serial(
  'a real registry: manifests are fetched once for plan, lock and export, and again only when a tag moves',
  needing(['docker-registry'], (t) =>
    withDockerRegistry(async (registry) =>
      withTempFolder(async (folder) => {
        const { host } = registry;
        const at = (name: string): string => path.join(folder, name);
        const [one, two] = sampleImagesFor([`${repository}:1`, `${repository}:2`]);
        if (one === undefined || two === undefined) throw new Error('no images');
        for (const [tag, { image }] of [
          ['1', one],
          ['2', two],
        ] as const)
          await pushImage(host, repository, tag, image);
        await pushIndex(host, 'index', sampleIndex([{ of: two.image.manifest, platform: amd64 }]));
        const pack = await writePack(at('Tools'), [`${host}/${repository}:1`, `${host}/${repository}:index`]);
        await writeKey(at('key'), at('trusted'));

        /** What packferry asked of manifests, by the registry's own log: `METHOD reference`. */
        const asked = async (): Promise<string[]> =>
          [
            ...(await registry.log()).matchAll(
              /"(GET|HEAD) \/v2\/demisto\/python3\/manifests\/(\S+) HTTP[^"]*" (\d+) .*packferry/g,
            ),
          ].map(([, method = '', reference = '', status = '']) => `${method} ${reference} ${status}`);
        let seen = 0;
        const run = async (...args: readonly string[]): Promise<string[]> => {
          const ran = await runCli(args, { home: at('home') });
          t.is(ran.status, 0, ran.stderr);
          const all = await asked();
          const fresh = all.slice(seen);
          seen = all.length;
          return fresh.sort();
        };
        const child = two.image.manifest.descriptor.digest;
        t.deepEqual(await run('plan', pack), ['GET 1 200', 'GET index 200', `GET ${child} 200`].sort());
        const heads = ['HEAD 1 200', 'HEAD index 200'];
        t.deepEqual(await run('plan', pack), heads);
        t.deepEqual(await run('lock', pack, '--lock', at('lock.json')), heads);
        const locked = ['export', pack, '--key', at('key'), '--lock', at('lock.json')];
        t.deepEqual(await run(...locked, '-o', at('bundle')), heads);
        const byDigest = [one.image.manifest.descriptor.digest, child].map((digest) => `HEAD ${digest} 200`);
        t.deepEqual(await run(...locked, '-o', at('other'), '--frozen-lock'), byDigest.sort());
        t.deepEqual(await run('verify', at('bundle'), '--trusted-keys', at('trusted')), []);

        await pushImage(host, repository, '1', two.image);
        t.deepEqual(
          await run('plan', pack),
          heads,
          'the image that it stands for now is known by its digest',
        );
        const [three] = sampleImagesFor([`${repository}:3`]);
        if (three === undefined) throw new Error('no image');
        await pushImage(host, repository, '1', three.image);
        t.deepEqual(await run('plan', pack), ['GET 1 200', ...heads]);
      }),
    ),
  ),
);
