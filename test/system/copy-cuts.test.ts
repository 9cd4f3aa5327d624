import path from 'node:path';
import test from 'ava';
import { composeImage, noise, writeOciLayout } from '../../bin/demo/sample-images.ts';
import { PackferryError } from '../../src/core/errors.ts';
import type { Event } from '../../src/core/events.ts';
import { blobsOf, totalSize } from '../../src/core/image.ts';
import { defaultPlatform } from '../../src/core/platform.ts';
import { openDockerTarget } from '../../src/engine/docker-target.ts';
import { sshTarget } from '../../src/engine/ssh-access.ts';
import { parseSshEndpoint } from '../../src/engine/ssh-endpoint.ts';
import { copyImages } from '../../src/flows/copy.ts';
import { parseSource } from '../../src/flows/source-endpoint.ts';
import { Sources } from '../../src/flows/sources.ts';
import { withFolder } from '../helpers/bundle-fixture.ts';
import { lockComposed } from '../helpers/compose.ts';
import { cutBetween } from '../helpers/cut-target.ts';
import { withCuttingProxy } from '../helpers/cutting-proxy.ts';
import { writeHosts } from '../helpers/ssh-fleet.ts';
import { userOf } from '../helpers/ssh-user.ts';
import { composedSource } from '../helpers/system-images.ts';
import { withPodman } from '../helpers/system-podman.ts';
import { layersOn, wholeOf } from '../helpers/system-relay.ts';
import { sshdNeeds, withSshd } from '../helpers/system-sshd.ts';
import { needing } from '../helpers/system-tools.ts';

const images = Array.from({ length: 20 }, (_, at) => ({
  reference: `docker.io/demisto/cut:${at + 10}`,
  image: composeImage({ files: [{ path: `cut-${at}`, content: noise(`cut-${at}`, 200_000) }] }),
}));

const nobody = (): Promise<never> => Promise.reject(new PackferryError('E_USAGE', 'nobody is to be asked'));

test.serial(
  'a copy from a folder whose line to the target is cut ten times: the images arrive as they are, and none twice',
  needing([...sshdNeeds, 'podman', 'root'], (t) =>
    withPodman((engine) =>
      withSshd((sshd) =>
        withCuttingProxy(sshd, (proxy) =>
          withFolder(async (folder) => {
            await writeOciLayout(path.join(folder, 'layout'), images);
            await writeHosts(sshd, [{ name: 'host', port: proxy.port }]);
            const me = userOf(sshd, {
              configFile: path.join(sshd.home, 'hosts_config'),
              knownHosts: path.join(sshd.home, 'hosts_keys'),
              identities: [sshd.identity],
            });
            const events: Event[] = [];
            const emit = (event: Event): void => void events.push(event);
            const { signal } = new AbortController();
            const sources = new Sources({
              registries: { ...composedSource([]), listTags: nobody },
              ...{ environment: {}, spoolDir: path.join(folder, 'cache', 'spool'), trustedKeys: nobody },
              ...{ now: new Date(), emit, signal },
            });
            const access = { ssh: { me, acceptNew: false }, emit, signal };
            const endpoint = parseSshEndpoint(`//host?socket=${engine.socket}`);
            const host = await openDockerTarget(await sshTarget(endpoint, access));
            const { target, cuts, sentTwice } = cutBetween(host, proxy, 10, 100_000);
            const { report, errors } = await copyImages({
              ...{ names: ['demisto/*'], from: [parseSource(`oci:${path.join(folder, 'layout')}`, String)] },
              ...{ sources, targets: [target], platform: defaultPlatform, retag: [], jobs: 2 },
              ...{ onExisting: 'error', dryRun: false, keepGoing: false, retries: 20, retryDelay: 10 },
              ...{ begin: () => Promise.resolve(), emit, signal },
            });
            await target.close();
            await sources.close();
            t.deepEqual(errors, []);
            t.is(cuts(), 10);
            t.deepEqual(sentTwice, []);
            const again = events.filter(
              (event) => event.type === 'note' && event.message.endsWith('brought again'),
            );
            t.true(again.length > 0);
            const brought = report.targets[0]?.images ?? [];
            t.deepEqual(
              brought.map(({ reference, status }) => [reference, status]),
              images.map(({ reference }) => [reference, 'loaded']),
            );
            for (const { reference, image } of images)
              t.deepEqual(await layersOn(engine, reference), wholeOf(image));
            // Two at a time are in flight when it is cut, and each of them loses at most what it has.
            const sizes = images.map(({ reference, image }) =>
              totalSize(blobsOf(lockComposed(reference, image))),
            );
            const sent = brought.reduce((sum, { bytesSent }) => sum + bytesSent, 0);
            const all = sizes.reduce((sum, size) => sum + size, 0);
            t.true(sent > all && sent <= all + 10 * 2 * Math.max(...sizes), `${sent} of ${all}`);
            t.true(proxy.sent() <= sent * 1.05 + 300_000, `${proxy.sent()} bytes on the wire for ${sent}`);
          }),
        ),
      ),
    ),
  ),
);
