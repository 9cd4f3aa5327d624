import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import process from 'node:process';
import { setTimeout as delay } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { composeImage, noise, sampleImagesFor } from '../../bin/demo/sample-images.ts';
import { openOciTarget } from '../../src/archive/oci-target.ts';
import type { LockedImage } from '../../src/core/image.ts';
import { withBundleFixture } from '../helpers/bundle-fixture.ts';
import { runCli } from '../helpers/cli-run.ts';
import { siteReferences, withSite, type Site } from '../helpers/cli-site.ts';
import { blobBytes, lockComposed, memorySource } from '../helpers/compose.ts';
import { runImport, type KillPoint } from '../helpers/import-process.ts';
import { stallingSocket } from '../helpers/stalling-socket.ts';
import { startDockerd, withDockerd } from '../helpers/system-dockerd.ts';
import { execTool } from '../helpers/system-exec.ts';
import { usingService, withTempFolder } from '../helpers/system-service.ts';
import { engineKinds } from '../helpers/system-engine-kinds.ts';
import { engineTest, type EngineBench } from '../helpers/system-engines.ts';
import { needing } from '../helpers/system-tools.ts';

const images: readonly LockedImage[] = sampleImagesFor(siteReferences).map(({ reference, image }) =>
  lockComposed(reference, image),
);

async function listed({ engine }: Pick<EngineBench, 'engine'>): Promise<string[]> {
  const told = await engine.run(['images', '--no-trunc', '--format', '{{.Repository}}:{{.Tag}} {{.ID}}']);
  return (typeof told === 'string' ? told : told.stdout).trim().split('\n').sort();
}

async function removeAll({ engine }: EngineBench): Promise<void> {
  await engine.run(['rmi', '--force', ...images.map(({ reference }) => reference)]);
}

/** An engine may still be busy with what a killed import had sent it in full. Then a name has its whole image, or is none. */
async function settles(t: ExecutionContext, { target }: EngineBench): Promise<void> {
  const deadline = Date.now() + 120_000;
  for (const image of images) {
    while (Date.now() < deadline + 1000) {
      const answer = await target.confirm(image);
      if (answer.confirmed || answer.reason === 'the engine has no such image') break;
      t.true(Date.now() < deadline, `${image.reference} is left half-loaded: ${answer.reason}`);
      await delay(50);
    }
  }
}

/** What a site remembers is whole. */
async function remembersAll(t: ExecutionContext, state: string): Promise<void> {
  for (const argv of [['history'], ['receipt', 'verify']]) {
    const ran = await runCli([...argv, '--state', state], { now: new Date() });
    t.is(ran.status, 0, `${argv.join(' ')}: ${ran.stderr}`);
  }
}

/** Moments that belong together; every kind of engine sees those of three rounds, and every round is seen by three kinds. */
const rounds = 5;
const seen = 3;

engineTest(
  'threat 26: an import that is killed at twelve moments: each time a rerun ends as if nothing had been',
  async (t, bench) => {
    await withSite(async (site) => {
      t.is((await runCli(site.exporting)).status, 0);
      const to = ['--to', `${bench.kind.product}:unix://${bench.engine.socket}`, '--yes'];
      const importing = (state: string): string[] => {
        return ['import', site.bundle, '--trusted-keys', site.trusted, '--state', state, ...to];
      };
      const undisturbed = await runImport(importing(site.at('undisturbed')));
      t.is(undisturbed.status, 0, undisturbed.lines.join('\n'));
      const expected = await listed(bench);
      t.is(expected.length, images.length);
      const { length } = undisturbed.lines;

      // In each round one kill at a change of the state folder, and three along the events, each round at others.
      let kills = 0;
      const first = engineKinds.indexOf(bench.kind);
      for (let number = first; number < first + seen; number += 1) {
        const round = number % rounds;
        await removeAll(bench);
        const state = site.at(`state-${round}`);
        const lineOf = (part: number): KillPoint => ({
          line: 1 + Math.floor(((round + rounds * part) * length) / (3 * rounds)),
        });
        for (const at of [{ step: 1 + 2 * round }, lineOf(2), lineOf(1), lineOf(0)]) {
          const killed = await runImport(importing(state), at);
          if (killed.signal === 'SIGKILL') kills += 1;
          else t.is(killed.status, 0, `${JSON.stringify(at)}: ${killed.lines.join('\n')}`);
          await settles(t, bench);
        }
        const again = await runImport(importing(state));
        t.is(again.status, 0, `round ${round}: ${again.lines.join('\n')}`);
        t.deepEqual(await listed(bench), expected, `round ${round}`);
        for (const image of images) t.like(await bench.target.confirm(image), { confirmed: true });
        await remembersAll(t, state);
      }
      t.log(`${kills} kills, ${length} lines`);
      t.true(kills >= 9, `${kills} imports were killed before their end`);
    });
  },
);

test.serial(
  'threat 26: an import into a folder that is killed at any change of the disk: no name without its image, and a rerun ends as if nothing had been',
  async (t) => {
    await withSite(async (site) => {
      t.is((await runCli(site.exporting)).status, 0);
      const into = (name: string): string[] => [
        ...['import', site.bundle, '--trusted-keys', site.trusted, '--state', site.at(`${name}-state`)],
        ...['--to', `oci:${site.at(name)}`],
      ];
      t.is((await runCli(into('undisturbed'), { now: new Date() })).status, 0);
      const blobsIn = async (name: string): Promise<string[]> =>
        (await readdir(site.at(name, 'blobs', 'sha256'))).sort();
      const expected = await blobsIn('undisturbed');
      let kills = 0;
      for (let step = 2; step < 80; step += 13) {
        const name = `killed-${step}`;
        const { signal, status, lines } = await runImport(into(name), { step });
        if (signal === 'SIGKILL') kills += 1;
        else t.is(status, 0, lines.join('\n'));
        const target = await openOciTarget(site.at(name));
        const presences = await target.survey(images);
        for (const [at, image] of images.entries()) {
          const { confirmed } = await target.confirm(image);
          t.is(confirmed, presences[at]?.state === 'present', `${name}: ${image.reference}`);
        }
        const again = await runCli(into(name), { now: new Date() });
        t.is(again.status, 0, `${name}: ${again.stderr}`);
        const reopened = await openOciTarget(site.at(name));
        for (const image of images) t.like(await reopened.confirm(image), { confirmed: true }, name);
        t.deepEqual(await blobsIn(name), expected, `${name}: nothing is left over`);
        await remembersAll(t, site.at(`${name}-state`));
      }
      t.log(`${kills} kills`);
      t.true(kills >= 4, `${kills} imports were killed before their end`);
    });
  },
);

for (const { what, bytes } of [
  { what: 'early in a load', bytes: 40_000 },
  { what: 'late in a load', bytes: 700_000 },
]) {
  test.serial(
    `threat 26: an engine that is killed ${what} and started again: a rerun ends as if nothing had been`,
    needing(['dockerd', 'docker', 'root'], async (t) => {
      await withDataFolder(async (folder) => {
        await withSite(async (site) => {
          t.is((await runCli(site.exporting)).status, 0);
          const data = path.join(folder, 'data');
          await usingService(await startDockerd({ data }), async (engine) => {
            const socket = path.join(folder, 'stalling.sock');
            const stalling = await stallingSocket(socket, engine.socket, bytes);
            try {
              const run = runCli(importing(site, socket));
              await stalling.stalled;
              process.kill(Number(await readFile(path.join(engine.folder, 'pid'), 'utf8')), 'SIGKILL');
              const ran = await run;
              t.is(ran.status, 6, ran.stderr);
              t.regex(ran.stderr, /hint: /);
            } finally {
              await stalling.close();
            }
          });
          await withDockerd(
            async (engine) => {
              const held = (await listed({ engine })).join('\n');
              const ran = await runCli(importing(site, engine.socket));
              t.is(ran.status, 0, `${held}\n${ran.stderr}`);
              const names = images.map(({ reference }) => reference.replace('docker.io/', ''));
              t.deepEqual(
                (await listed({ engine })).map((line) => line.split(' ')[0]),
                names.sort(),
              );
              await remembersAll(t, site.state);
            },
            { data },
          );
        });
      });
    }),
  );
}

/** The engine mounts its data folder over itself; one that was killed leaves that. */
function withDataFolder(use: (folder: string) => Promise<void>): Promise<void> {
  return withTempFolder(async (folder) => {
    try {
      await use(folder);
    } finally {
      const unmount = () => execTool('umount', ['--lazy', path.join(folder, 'data')]);
      while ((await unmount()).status === 0);
    }
  });
}

function importing({ importing: argv }: Site, socket: string): string[] {
  return [...argv, '--to', `docker:unix://${socket}`, '--yes'];
}

const mib = 1024 * 1024;

for (const kind of engineKinds) {
  if (kind.product !== 'docker') continue;
  test.serial(
    `${kind.name}: threat 26: a disk of the engine that gets full is told as such, nothing is left, and a rerun ends right`,
    needing(kind.needs, async (t) => {
      await withBundleFixture(async ({ folder, allowedLine, content, write }) => {
        const large = composeImage({ files: [{ path: 'large', content: noise('large', 24 * mib) }] });
        const image = lockComposed('docker.io/demisto/large:1.0', large);
        const [dir, trusted] = [path.join(folder, 'bundle'), path.join(folder, 'allowed_signers')];
        await writeFile(trusted, allowedLine);
        const volumes = [[{ image, usedBy: [] }]];
        await write(dir, { content: { ...content(), volumes }, source: memorySource(blobBytes([large])) });
        await withDockerd(
          async (engine) => {
            const filler = path.join(engine.folder, 'data', 'filler');
            await writeFile(filler, Buffer.alloc(60 * mib));
            const to = ['--to', `docker:unix://${engine.socket}`, '--yes'];
            const argv = ['import', dir, '--trusted-keys', trusted, ...to];
            const full = await runCli(argv);
            t.is(full.status, 6, full.stderr);
            t.regex(full.stderr, /no space left on device/);
            t.regex(full.stderr, /hint: Free space on the disk of the engine/);
            t.deepEqual(await listed({ engine }), [''], 'neither an image nor a name is left');
            await rm(filler);
            const again = await runCli(argv);
            t.is(again.status, 0, again.stderr);
            t.is((await listed({ engine })).length, 1);
          },
          { ...kind.options, dataSize: 96 * 1024 },
        );
      });
    }),
  );
}
