import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { ExecutionContext } from 'ava';
import { composeImage, noise, type ComposedImage } from '../../bin/demo/sample-images.ts';
import { totalSize } from '../../src/core/image.ts';
import { exportReport, inspectReport, verifyReport, type ExportReport } from '../../src/schema/reports.ts';
import { withFolder } from '../helpers/bundle-fixture.ts';
import { runCli } from '../helpers/cli-run.ts';
import { writeKey } from '../helpers/cli-site.ts';
import { lockComposed } from '../helpers/compose.ts';
import { pushImage } from '../helpers/push-image.ts';
import { engineKinds } from '../helpers/system-engine-kinds.ts';
import { engineTest } from '../helpers/system-engines.ts';
import { endpointOf } from '../helpers/system-import.ts';
import { withDockerRegistry } from '../helpers/system-registry.ts';

function on(base: ComposedImage | undefined, name: string): ComposedImage {
  const files = [{ path: name, content: noise(name, 40_000) }];
  return composeImage(base === undefined ? { files } : { base, files });
}

const system = on(undefined, 'system');
const first = on(system, 'first');
const second = on(first, 'second');

/** One engine for each way of keeping layers. */
const stores = ['installed Docker', 'newer Docker, containerd store', 'installed Podman'];

async function json(t: ExecutionContext, argv: readonly string[]): Promise<unknown> {
  const ran = await runCli([...argv, '--progress', 'none', '--json']);
  t.is(ran.status, 0, ran.stdout + ran.stderr);
  return JSON.parse(ran.stdout);
}

engineTest(
  'from registry to engine and back: by receipt, by inventory or by the bundle itself, the same layers stay out',
  async (t, { kind, engine }) => {
    await withDockerRegistry((registry) =>
      withFolder(async (folder) => {
        const at = (name: string): string => path.join(folder, name);
        const [key, trusted] = [at('key'), at('allowed_signers')];
        await writeKey(key, trusted);
        await pushImage(registry.host, 'demisto/tool', '1', first);
        await pushImage(registry.host, 'demisto/tool', '2', second);
        const exportTo = async (
          name: string,
          tag: string,
          ...more: readonly string[]
        ): Promise<ExportReport> => {
          const manifest = at(`${name}.yml`);
          const mirrors = `registries:\n  docker.io: { mirrors: ["${registry.host}"] }\n`;
          const text = `schema: packferry.export/v1\nname: soc\nimages: [demisto/tool:${tag}]\n${mirrors}`;
          await writeFile(manifest, text);
          const argv = ['export', manifest, '-o', at(name), '--key', key, ...more];
          return exportReport.parse(await json(t, argv));
        };
        await exportTo('first', '1', '--sequence', '1');
        const endpoint = endpointOf(kind, engine.socket);
        const judging = ['--trusted-keys', trusted, '--state', at('state')];
        await json(t, ['import', at('first'), '--to', endpoint, ...judging]);
        await json(t, ['inventory', '--from', endpoint, '-o', at('inventory.json')]);

        const receipt = path.join(at('state'), 'receipts', 'receipt-000001.json');
        const { host } = JSON.parse(await readFile(receipt, 'utf8')) as { host: string };
        const bases = [
          [at('first'), 'bundle soc 1'],
          [receipt, `receipt 1 of bundle soc 1 at ${host}`],
          [at('inventory.json'), 'inventory of 1 host, 2026-11-23T05:00:00.000Z'],
        ] as const;
        const { layers } = lockComposed('docker.io/demisto/tool:2', second);
        for (const [place, name] of bases) {
          const dir = `delta${bases.findIndex(([one]) => one === place)}`;
          const { leftOut } = await exportTo(dir, '2', '--base', place);
          const counted = { layers: 2, bytes: totalSize(layers.slice(0, 2)) };
          t.deepEqual(leftOut, { ...counted, bases: [{ name, ...counted }] });
          const verified = verifyReport.parse(await json(t, ['verify', at(dir), '--deep', ...judging]));
          t.deepEqual(
            [verified.layers, verified.leftOut],
            [{ checked: 1, notChecked: [], leftOut: 2 }, leftOut],
          );
          t.deepEqual(inspectReport.parse(await json(t, ['inspect', at(dir)])).leftOut, leftOut);
        }
      }),
    );
  },
  engineKinds.filter(({ name }) => stores.includes(name)),
);
