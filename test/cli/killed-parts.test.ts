import { readdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import test from 'ava';
import { composeImage, noise, writeOciLayout } from '../../bin/demo/sample-images.ts';
import { ociLayoutContent } from '../../src/archive/oci-content.ts';
import type { ServedContent } from '../../src/core/served.ts';
import { answerTo } from '../../src/registry/server-routes.ts';
import { withFolder } from '../helpers/bundle-fixture.ts';
import { writeKey } from '../helpers/cli-site.ts';
import { filesOf, notedIn, startExport, type ExportProcess } from '../helpers/export-process.ts';
import { startScripted, type ScriptedServer } from '../helpers/registry-scripted.ts';
import { writePack } from '../helpers/write-pack.ts';

const mib = 1024 * 1024;
/** Connections at the same time. */
const jobs = 4;

interface Slow extends ScriptedServer {
  /** Everything is served from now on. */
  readonly goOn: () => void;
  /** Bytes of the long layer that were served. */
  readonly sent: () => number;
}

/** A slow registry that serves 44 MiB of its one long layer, and of the start of that layer only 3. */
async function startSlow(content: ServedContent): Promise<Slow> {
  let sent = 0;
  let isFree = false;
  let tell = (): void => undefined;
  const free = new Promise<void>((resolve) => (tell = resolve));
  const server = await startScripted(async ({ path: target, headers }, response) => {
    const answer = await answerTo({ method: 'GET', target, headers }, content);
    const size = answer.stream?.size ?? answer.bytes?.length ?? 0;
    response.writeHead(answer.status, { ...answer.headers, 'content-length': size });
    if (answer.stream === undefined || !target.includes('/blobs/')) return void response.end(answer.bytes);
    if (size < mib) return void answer.stream.open().pipe(response);
    const gone = new Promise((resolve) => response.once('close', resolve));
    const isStart = headers.range === undefined || headers.range.startsWith('bytes=0-');
    let here = 0;
    for await (const chunk of answer.stream.open() as AsyncIterable<Buffer>) {
      const isHeld = !isFree && (sent >= 44 * mib || (isStart && here >= 3 * mib));
      if (isHeld) await Promise.race([free, gone]);
      if (response.destroyed) return;
      sent += chunk.length;
      here += chunk.length;
      // No more is under way than the client takes.
      if (!response.write(chunk)) await Promise.race([new Promise((r) => response.once('drain', r)), gone]);
      await sleep(2);
    }
    response.end();
  });
  const goOn = (): void => {
    isFree = true;
    tell();
  };
  return { ...server, goOn, sent: () => sent };
}

test.serial(
  'an export killed while a long layer comes in parts: the parts are not fetched again, also when the cache is gone',
  async (t) => {
    t.timeout(180_000);
    await withFolder(async (folder) => {
      const image = composeImage({ files: [{ path: 'long', content: noise('long', 64 * mib) }] });
      await writeOciLayout(path.join(folder, 'layout'), [
        { reference: 'docker.io/demisto/long:1.0.0.1', image },
      ]);
      const registry = await startSlow(await ociLayoutContent(path.join(folder, 'layout')));
      try {
        const pack = await writePack(path.join(folder, 'Pack'), [`${registry.host}/demisto/long:1.0.0.1`]);
        const key = path.join(folder, 'key');
        await writeKey(key, path.join(folder, 'trusted'));
        const out = path.join(folder, 'killed');
        const cache = path.join(folder, 'cache');
        const start = (dir: string): ExportProcess => startExport({ pack, out: dir, key, jobs, cache });

        const first = start(out);
        // One MiB of each part under way may not be noted yet, and no more ever comes.
        while (registry.sent() < 44 * mib || (await notedIn(out)) < registry.sent() - jobs * mib)
          await sleep(50);
        first.kill('SIGKILL');
        t.is((await first.ended).signal, 'SIGKILL');
        const layer = registry.seen.filter(({ headers }) => headers.range !== undefined);
        t.true(layer.length >= jobs, `${layer.length} parts`);
        const front = Math.min(...layer.map(({ headers }) => Number(/\d+/.exec(headers.range ?? '')?.[0])));
        t.true(front > 3 * mib, 'the first part was still under way');

        // What was kept for the user is for speed only: somebody may tidy up between the runs.
        t.true((await readdir(path.join(cache, 'packferry', 'documents'))).length > 0);
        await rm(cache, { recursive: true });
        registry.goOn();
        const last = await start(out).ended;
        t.is(last.status, 0, last.stderr);
        const again = registry.sent() - 64 * mib;
        t.log(`${(again / mib).toFixed(2)} MiB were served in vain`);
        t.true(again <= (jobs + 1) * mib, `${again} bytes were served in vain`);

        const undisturbed = path.join(folder, 'undisturbed');
        const whole = await start(undisturbed).ended;
        t.is(whole.status, 0, whole.stderr);
        const [one, two] = [await filesOf(out), await filesOf(undisturbed)];
        t.deepEqual([...one.keys()], [...two.keys()]);
        for (const [name, bytes] of two) t.true(bytes.equals(one.get(name) ?? Buffer.of()), name);
      } finally {
        await registry.close();
      }
    });
  },
);
