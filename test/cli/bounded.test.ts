import { writeFile } from 'node:fs/promises';
import type { Socket } from 'node:net';
import path from 'node:path';
import process from 'node:process';
import test from 'ava';
import type { GeneratedLine } from '../../bin/bench/export/generated-registry.ts';
import { startHelper } from '../../bin/bench/export/helper-process.ts';
import { withFolder } from '../helpers/bundle-fixture.ts';
import { launcher } from '../helpers/cli.ts';
import { runCli } from '../helpers/cli-run.ts';
import { withSite, writeKey } from '../helpers/cli-site.ts';
import { serveFrom, startScripted } from '../helpers/registry-scripted.ts';
import { execTool } from '../helpers/system-exec.ts';
import { writePack } from '../helpers/write-pack.ts';

const mib = 1024 * 1024;

/**
 * Prints the largest resident memory of the process at its end, in KiB. Not what `resourceUsage` tells: a new process
 * inherits that from the one which started it.
 */
const tellingMemory = `data:text/javascript,${encodeURIComponent(
  `import { readFileSync } from 'node:fs';
   process.on('exit', () => {
     const [, peak] = /VmHWM:\\s+(\\d+) kB/.exec(readFileSync('/proc/self/status', 'utf8'));
     process.stdout.write('maxRSS ' + peak + '\\n');
   });`,
)}`;

test.serial('memory is bounded: hundreds of images with 600 MiB come through far less', async (t) => {
  await withFolder(async (folder) => {
    const registry = await startHelper('generated-registry.js', [600 * mib]);
    try {
      const { port, images } = JSON.parse(registry.line) as GeneratedLine;
      const manifest = path.join(folder, 'soc.yml');
      const names = images.map(({ repository, tag }) => `  - "127.0.0.1:${port}/${repository}:${tag}"\n`);
      await writeFile(manifest, `schema: packferry.export/v1\nname: soc\nimages:\n${names.join('')}`);
      await writeKey(path.join(folder, 'key'), path.join(folder, 'signers'));
      const ran = await execTool(process.execPath, [
        ...['--import', tellingMemory, launcher, 'export', manifest],
        ...['-o', path.join(folder, 'bundle'), '--key', path.join(folder, 'key'), '--progress', 'none'],
      ]);
      t.is(ran.status, 0, ran.stderr.slice(-2000));
      const peak = Number(/maxRSS (\d+)/.exec(ran.stdout)?.[1]) * 1024;
      // What comes from the network is read into memory that is used again: some 20 MiB, whatever goes on beside it. The
      // rest is Node, the program, and what describes 386 images and 2322 blobs: 150 MiB alone, 180 on a busy machine,
      // where garbage is collected later.
      t.true(peak > 0 && peak < 300 * mib, `${Math.round(peak / mib)} MiB`);
    } finally {
      await registry.stop();
    }
  });
});

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
