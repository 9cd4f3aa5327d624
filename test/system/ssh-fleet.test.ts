import { readdir } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { composeImage, noise } from '../../bin/demo/sample-images.ts';
import { silent } from '../../src/core/events.ts';
import { PackferryError } from '../../src/core/errors.ts';
import { blobsOf, totalSize } from '../../src/core/image.ts';
import { openDockerTarget } from '../../src/engine/docker-target.ts';
import { sshTarget } from '../../src/engine/ssh-access.ts';
import { parseSshEndpoint } from '../../src/engine/ssh-endpoint.ts';
import { deliverToTargets, surveyTargets } from '../../src/flows/delivery.ts';
import { importReport } from '../../src/schema/reports.ts';
import { MemoryOutput, runCli } from '../helpers/cli-run.ts';
import { lockComposed } from '../helpers/compose.ts';
import { cutBetween } from '../helpers/cut-target.ts';
import { withCuttingProxy } from '../helpers/cutting-proxy.ts';
import { withImportSite, type ImportSite, type MadeBundle } from '../helpers/import-site.ts';
import { settled } from '../helpers/settled.ts';
import { writeHosts } from '../helpers/ssh-fleet.ts';
import { userOf } from '../helpers/ssh-user.ts';
import { composedSource } from '../helpers/system-images.ts';
import { namesIn, withPodman, withPodmans } from '../helpers/system-podman.ts';
import { sshdNeeds, withSshd } from '../helpers/system-sshd.ts';
import { needing } from '../helpers/system-tools.ts';

const imageOf = (name: string, size: number) =>
  composeImage({ files: [{ path: name, content: noise(name, size) }] });

test.serial(
  'a connection that is cut ten times: all images arrive, and what was confirmed is not sent again',
  needing([...sshdNeeds, 'podman'], async (t) => {
    const composed = Array.from({ length: 20 }, (_, at) => imageOf(`cut-${at}`, 200_000));
    const images = composed.map((image, at) => lockComposed(`docker.io/demisto/cut:${at}`, image));
    await withPodman((engine) =>
      withSshd((sshd) =>
        withCuttingProxy(sshd, async (proxy) => {
          await writeHosts(sshd, [{ name: 'host', port: proxy.port }]);
          const me = userOf(sshd, {
            configFile: path.join(sshd.home, 'hosts_config'),
            knownHosts: path.join(sshd.home, 'hosts_keys'),
            identities: [sshd.identity],
          });
          const { signal } = new AbortController();
          const endpoint = parseSshEndpoint(`//host?socket=${engine.socket}`);
          const access = { ssh: { me, acceptNew: false }, emit: silent, signal };
          const target = await openDockerTarget(await sshTarget(endpoint, access));
          const { target: watched, cuts, sentTwice } = cutBetween(target, proxy, 10, 100_000);
          const errors: PackferryError[] = [];
          const options = { dryRun: false, keepGoing: false, jobs: 2, retries: 20, retryDelay: 10 };
          const [report] = await deliverToTargets(
            await surveyTargets([watched], images, signal),
            composedSource(composed),
            errors,
            { ...options, emit: silent, signal },
          );
          await target.close();
          t.deepEqual(errors, []);
          t.is(cuts(), 10);
          t.deepEqual(new Set(report?.images.map(({ status }) => status)), new Set(['loaded']));
          t.deepEqual(sentTwice, []);
          // Two at a time are in flight when it is cut, and each of them loses at most what it has.
          const sizes = images.map((image) => totalSize(blobsOf(image)));
          const sent = report?.images.reduce((sum, { bytesSent }) => sum + bytesSent, 0) ?? 0;
          const all = sizes.reduce((sum, size) => sum + size, 0);
          t.true(sent > all && sent <= all + 10 * 2 * Math.max(...sizes), `${sent} of ${all}`);
          t.true(proxy.sent() <= sent * 1.05 + 300_000, `${proxy.sent()} bytes on the wire for ${sent}`);
        }),
      ),
    );
  }),
);

/** An import by the command line, without a question. */
const importing = (
  { trusted }: ImportSite,
  { dir }: MadeBundle,
  to: readonly string[],
): readonly string[] => [
  ...['import', dir, '--trusted-keys', trusted, '--json', '--yes'],
  ...to.flatMap((endpoint) => ['--to', endpoint]),
];

test.serial(
  'a host that hangs in the middle is given up and named, and the other one gets everything',
  needing([...sshdNeeds, 'podman'], async (t) => {
    await withPodmans(2, ([stuck, good]) =>
      withSshd((sshd) =>
        withImportSite((site) =>
          withCuttingProxy(sshd, async (proxy) => {
            if (stuck === undefined || good === undefined) throw new Error('no engines');
            const names = ['one', 'two'].map((name) => `docker.io/demisto/hang:${name}`);
            const bundle = await site.make(
              'bundle',
              Object.fromEntries(names.map((name) => [name, imageOf(name, 3_000_000)])),
            );
            const impatient = ['ServerAliveInterval 1', 'ServerAliveCountMax 2', 'ConnectTimeout 8'];
            const options = await writeHosts(sshd, [
              { name: 'hung', port: proxy.port, settings: impatient },
              { name: 'good' },
            ]);
            const to = [`ssh://hung?socket=${stuck.socket}`, `ssh://good?socket=${good.socket}`];
            proxy.after(1_500_000, proxy.stall);
            const ran = await runCli([...importing(site, bundle, to), ...options, '--retries', '1']);
            t.is(ran.status, 6, ran.stderr);
            t.regex(ran.stderr, /error\[E_SSH_UNREACHABLE\]: ssh:\/\/hung.*: docker\.io\/demisto\/hang:/);
            t.false(ran.stderr.includes('error[E_SSH_UNREACHABLE]: ssh://good'), ran.stderr);
            const { targets } = importReport.parse(JSON.parse(ran.stdout));
            t.deepEqual(
              targets.map(({ images }) => images.some(({ status }) => status === 'loaded')),
              [false, true],
            );
            t.deepEqual(await namesIn(good), names);
            t.deepEqual(await namesIn(stuck), []);
          }),
        ),
      ),
    );
  }),
);

test.serial(
  'eight hosts at once: after a Ctrl-C no half image and no file is left, then all end with the same set',
  needing([...sshdNeeds, 'podman'], async (t) => {
    await withPodmans(8, (podmans) =>
      withSshd((sshd) =>
        withImportSite(async (site) => {
          const base = imageOf('base', 1_000_000);
          const names = ['a', 'b'].map((name) => `docker.io/demisto/eight:${name}`);
          const bundle = await site.make(
            'bundle',
            Object.fromEntries(
              names.map((name) => [
                name,
                composeImage({ base, files: [{ path: name, content: noise(name, 1_000_000) }] }),
              ]),
            ),
          );
          const hosts = podmans.map((_, at) => ({ name: `engine${at}` }));
          const options = await writeHosts(sshd, hosts);
          const to = podmans.map(({ socket }, at) => `ssh://engine${at}?socket=${socket}`);
          const argv = [...importing(site, bundle, to), ...options];

          const stop = new AbortController();
          const stderr = new MemoryOutput();
          const slowly = ['--limit-rate', '4MiB', '--progress', 'plain'];
          const stopped = runCli([...argv, ...slowly], { signal: stop.signal, stderr });
          await stderr.shows('loaded docker.io/demisto/eight:');
          stop.abort(new PackferryError('E_INTERRUPTED', 'stopped by Ctrl-C'));
          t.is((await stopped).status, 130, stderr.text);
          for (const podman of podmans) {
            t.true((await namesIn(podman)).every((name) => names.includes(name)));
            // Engines take away what they had of a broken load a moment after they hear of it.
            t.deepEqual(await settled(() => readdir(path.join(podman.folder, 'tmp')), []), []);
          }

          const ran = await runCli(argv);
          t.is(ran.status, 0, ran.stderr);
          const { targets } = importReport.parse(JSON.parse(ran.stdout));
          t.deepEqual(
            targets.map(({ name }) => name),
            to,
          );
          const held = targets.flatMap(({ images }) => images.map(({ status }) => status));
          t.true(held.every((status) => status === 'loaded' || status === 'present'));
          for (const podman of podmans) t.deepEqual(await namesIn(podman), names);
          t.true((await runCli(argv)).stdout.includes('"present"'));
        }),
      ),
    );
  }),
);
