import { readdir } from 'node:fs/promises';
import path from 'node:path';
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import test from 'ava';
import { composeImage, noise, writeOciLayout } from '../../bin/demo/sample-images.ts';
import { ociLayoutContent } from '../../src/archive/oci-content.ts';
import type { ServedContent } from '../../src/core/served.ts';
import { answerTo } from '../../src/registry/server-routes.ts';
import { withFolder } from '../helpers/bundle-fixture.ts';
import { writeKey } from '../helpers/cli-site.ts';
import { filesOf, notedIn, startExport, type ExportProcess } from '../helpers/export-process.ts';
import { randomFrom } from '../helpers/random.ts';
import { startScripted, type ScriptedServer } from '../helpers/registry-scripted.ts';
import { writePack } from '../helpers/write-pack.ts';

const mib = 1024 * 1024;
const kills = 25;
/** Blobs at the same time. */
const jobs = 2;
/** Bytes of layers that the registry serves to one run, at most: fewer than a run would need to finish. */
const perRun = 2 * mib;

/** Three images on one base; 56 MiB in all. */
async function images(folder: string): Promise<ServedContent> {
  const base = composeImage({ files: [{ path: 'base', content: noise('base', 11 * mib) }] });
  const named = ['one', 'two', 'three'].map((name) => {
    const image = composeImage({ base, files: [{ path: name, content: noise(name, 15 * mib) }] });
    return { reference: `docker.io/demisto/${name}:1.0.0.1`, image };
  });
  await writeOciLayout(path.join(folder, 'layout'), named);
  return ociLayoutContent(path.join(folder, 'layout'));
}

interface Capped extends ScriptedServer {
  /** Serves so many bytes of layers from now on. */
  readonly allow: (bytes: number) => void;
  /** Resolves with the next request for a layer. */
  readonly asked: () => Promise<void>;
  /** Bytes of layers that were served. */
  readonly sent: () => number;
}

/** A slow registry that falls silent when it has served what is allowed. */
async function startCapped(content: ServedContent): Promise<Capped> {
  let [sent, cap] = [0, 0];
  let tellCap = (): void => undefined;
  let raised = new Promise<void>((resolve) => (tellCap = resolve));
  let tellAsked = (): void => undefined;
  const server = await startScripted(async ({ path: target, headers }, response) => {
    const answer = await answerTo({ method: 'GET', target, headers }, content);
    const size = answer.stream?.size ?? answer.bytes?.length ?? 0;
    response.writeHead(answer.status, { ...answer.headers, 'content-length': size });
    if (answer.stream === undefined || size < mib / 2) {
      if (answer.stream === undefined) response.end(answer.bytes);
      else answer.stream.open().pipe(response);
      return;
    }
    tellAsked();
    const gone = new Promise((resolve) => response.once('close', resolve));
    for await (const chunk of answer.stream.open() as AsyncIterable<Buffer>) {
      while (sent >= cap && !response.destroyed) await Promise.race([raised, gone]);
      if (response.destroyed) return;
      response.write(chunk);
      sent += chunk.length;
      // Slow enough for a random moment to lie between two pieces.
      await sleep(3);
    }
    response.end();
  });
  return {
    ...server,
    allow: (bytes) => {
      cap = sent + bytes;
      tellCap();
      raised = new Promise<void>((resolve) => (tellCap = resolve));
    },
    asked: () => new Promise((resolve) => (tellAsked = resolve)),
    sent: () => sent,
  };
}

test.serial(
  `an export that is killed ${kills} times at random gives the same bytes as one that is left alone`,
  async (t) => {
    t.timeout(180_000);
    const seed = Number(process.env['PACKFERRY_TEST_SEED'] ?? Date.now() % 1_000_000);
    t.log(`PACKFERRY_TEST_SEED=${seed}`);
    const random = randomFrom(seed);
    await withFolder(async (folder) => {
      const content = await images(folder);
      const registry = await startCapped(content);
      try {
        const names = ['one', 'two', 'three'].map((name) => `${registry.host}/demisto/${name}:1.0.0.1`);
        const pack = await writePack(path.join(folder, 'Pack'), names);
        const key = path.join(folder, 'key');
        await writeKey(key, path.join(folder, 'trusted'));
        const start = (dir: string): ExportProcess =>
          startExport({ pack, out: path.join(folder, dir), key, jobs });

        for (let number = 0; number < kills; number += 1) {
          registry.allow(perRun);
          const asked = registry.asked();
          const before = await notedIn(path.join(folder, 'killed'));
          const run = start('killed');
          const over = new AbortController();
          const ended = run.ended.finally(() => over.abort());
          // A third when something more is noted, a third in the middle of the layers, the others wherever they are then;
          // some by Ctrl-C.
          if (number % 3 > 0) await Promise.race([asked, ended]);
          while (
            number % 3 === 1 &&
            !over.signal.aborted &&
            (await notedIn(path.join(folder, 'killed'))) <= before
          )
            await sleep(10);
          await sleep(random(number % 3 > 0 ? 300 : 900));
          const isSoft = number % 8 === 7;
          run.kill(isSoft ? 'SIGINT' : 'SIGKILL');
          const { status, signal, stderr } = await run.ended;
          const expected = isSoft ? status === 130 || signal === 'SIGINT' : signal === 'SIGKILL';
          t.true(expected, `run ${number} ended by itself: ${status ?? ''} ${signal ?? ''} ${stderr}`);
          t.false(
            (await readdir(path.join(folder, 'killed')).catch((): string[] => [])).includes('SHA256SUMS.sig'),
          );
        }
        const layers = new Set(
          registry.seen.map(({ path: target }) => target).filter((target) => target.includes('/blobs/')),
        );
        t.true(layers.size >= 4);
        const resumed = registry.seen.filter(({ headers }) => /^bytes=[1-9]/.test(headers.range ?? ''));
        t.true(resumed.length >= 5, `${resumed.length} requests went on inside a blob`);
        registry.allow(Infinity);
        const last = await start('killed').ended;
        t.is(last.status, 0, last.stderr);
        const wasted = registry.sent() - 56 * mib;
        t.true(wasted <= kills * jobs * 1.25 * mib, `${wasted} bytes were served in vain`);

        const undisturbed = await start('undisturbed').ended;
        t.is(undisturbed.status, 0, undisturbed.stderr);
        const [one, two] = [
          await filesOf(path.join(folder, 'killed')),
          await filesOf(path.join(folder, 'undisturbed')),
        ];
        // Archives, SHA256SUMS, bundle.json, the texts, and the signature, which is of Ed25519: every file.
        t.deepEqual([...one.keys()], [...two.keys()]);
        for (const [name, bytes] of two) t.true(bytes.equals(one.get(name) ?? Buffer.of()), name);
      } finally {
        await registry.close();
      }
    });
  },
);
