import { writeFile } from 'node:fs/promises';
import type { Socket } from 'node:net';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import type { GeneratedLine } from '../../bin/bench/export/generated-registry.ts';
import { startHelper } from '../../bin/bench/export/helper-process.ts';
import { withFolder } from '../helpers/bundle-fixture.ts';
import { runCli } from '../helpers/cli-run.ts';
import { withSite, writeKey } from '../helpers/cli-site.ts';
import { measuredRun } from '../helpers/peak-memory.ts';
import { serveFrom, startScripted } from '../helpers/registry-scripted.ts';
import { writePack } from '../helpers/write-pack.ts';

const mib = 1024 * 1024;

/** Exports the first images of a generated registry with so many bytes in all its images. Returns the most memory it took. */
async function exportOf(
  t: ExecutionContext,
  { bytes, most = Infinity }: { readonly bytes: number; readonly most?: number },
): Promise<number> {
  return withFolder(async (folder) => {
    const registry = await startHelper('generated-registry.js', [bytes]);
    try {
      const { port, images } = JSON.parse(registry.line) as GeneratedLine;
      const manifest = path.join(folder, 'soc.yml');
      const names = images
        .slice(0, most)
        .map(({ repository, tag }) => `  - "127.0.0.1:${port}/${repository}:${tag}"\n`);
      await writeFile(manifest, `schema: packferry.export/v1\nname: soc\nimages:\n${names.join('')}`);
      await writeKey(path.join(folder, 'key'), path.join(folder, 'signers'));
      const argv = ['export', manifest, '-o', path.join(folder, 'bundle'), '--key', path.join(folder, 'key')];
      const ran = await measuredRun([...argv, '--progress', 'none'], folder);
      t.is(ran.status, 0, ran.stderr.slice(-2000));
      t.true(ran.peak > 0);
      t.log(
        `${names.length} images of a registry with ${bytes / mib} MiB: ${Math.round(ran.peak / mib)} MiB`,
      );
      return ran.peak;
    } finally {
      await registry.stop();
    }
  });
}

test.serial(
  'memory is bounded: ten times the bytes, or ten times the images, take hardly more',
  async (t) => {
    const large = await exportOf(t, { bytes: 600 * mib });
    // What comes from the network is read into memory that is used again: some 20 MiB, whatever goes on beside it. The
    // rest is Node, the program, and what describes 386 images and 2322 blobs: 150 MiB alone, 180 on a busy machine,
    // where garbage is collected later.
    t.true(large < 300 * mib, `${Math.round(large / mib)} MiB`);
    const small = await exportOf(t, { bytes: 60 * mib });
    t.true(large - small < 100 * mib, '540 MiB more of content');
    const few = await exportOf(t, { bytes: 600 * mib, most: 38 });
    t.true(large - few < 100 * mib, '348 images more');
  },
);

for (const jobs of [2, 32]) {
  test(`sockets are bounded: -j ${jobs} never has more connections to a host`, async (t) => {
    await withSite(async ({ at, content, key }) => {
      const open = new Set<Socket>();
      let most = 0;
      const registry = await startScripted(async (request, response) => {
        const { socket } = response;
        if (socket !== null && !open.has(socket)) {
          open.add(socket);
          socket.once('close', () => open.delete(socket));
        }
        most = Math.max(most, open.size);
        await serveFrom(content, { ...request, path: request.path.replace(/copy\d+/, 'crypto') }, response);
      });
      try {
        const names = Array.from({ length: 60 }, (_, n) => `${registry.host}/demisto/copy${n}:1.0.0.1`);
        const pack = await writePack(at('Many'), names);
        const ran = await runCli(['export', pack, '-o', at('out'), '--key', key, '-j', String(jobs)]);
        t.is(ran.status, 0, ran.stderr);
        t.true(most <= jobs, String(most));
        t.true(most > jobs / 2, `${most}: what -j allows is used`);
      } finally {
        await registry.close();
      }
    });
  });
}
