import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import path from 'node:path';
import test from 'ava';
import { composeImage, noise } from '../../bin/demo/sample-images.ts';
import { silent } from '../../src/core/events.ts';
import { findDocker } from '../../src/engine/docker-connection.ts';
import { openDockerTarget } from '../../src/engine/docker-target.ts';
import { findEngine, type FoundEngine } from '../../src/flows/inventory/engines.ts';
import { syncHosts } from '../../src/flows/sync/sync.ts';
import { withFolder } from '../helpers/bundle-fixture.ts';
import { lockComposed } from '../helpers/compose.ts';
import { engineKinds, withEngine } from '../helpers/system-engine-kinds.ts';
import { composedSource } from '../helpers/system-images.ts';
import { needing } from '../helpers/system-tools.ts';

const image = composeImage({ files: [{ path: 'custom', content: noise('custom', 5000) }] });
const tool = 'localhost/acme/tool:1.0';
const { signal } = new AbortController();

const [kind] = engineKinds;
if (kind === undefined) throw new RangeError('no engine');

/** An engine behind a socket that may go away. */
async function behind(socket: string, file: string): Promise<() => Promise<void>> {
  const open = new Set<Socket>();
  const server = createServer((client) => {
    const far = connect(socket);
    for (const one of [client, far]) open.add(one.on('error', () => undefined));
    client.pipe(far).pipe(client);
  }).listen(file);
  await once(server, 'listening');
  return async () => {
    for (const one of open) one.destroy();
    server.close();
    await once(server, 'close');
  };
}

const named = (name: string, socket: string): FoundEngine =>
  findEngine({ name, url: `docker:unix://${socket}` }, { environment: {}, emit: silent });

test.serial(
  'a host that is lost between the question and the delivery is told, and the others get their images',
  needing(kind.needs, async (t) => {
    await withEngine(kind, (giver) =>
      withEngine(kind, (taker) =>
        withFolder(async (folder) => {
          const target = await openDockerTarget(await findDocker(`docker:unix://${giver.socket}`, {}));
          await target.deliver(lockComposed(tool, image), composedSource([image]));
          await target.close();
          const file = path.join(folder, 'lost.sock');
          const lose = await behind(taker.socket, file);
          const { report, errors } = await syncHosts({
            engines: [named('giver', giver.socket), named('lost', file), named('taker', taker.socket)],
            patterns: ['localhost/**'],
            spoolDir: path.join(folder, 'spool'),
            onExisting: 'error',
            ...{ dryRun: false, keepGoing: false, jobs: 2, hostsAtOnce: 3 },
            approve: async () => {
              await lose();
              return true;
            },
            ...{ emit: silent, signal },
          });
          t.deepEqual(report.images[0]?.lacked, ['lost', 'taker']);
          const told = report.targets.map(({ name, images: [one], error }) => [
            name,
            one?.status,
            error?.code,
          ]);
          t.deepEqual(told, [
            [`docker:unix://${file}`, 'pending', 'E_ENGINE_UNREACHABLE'],
            [`docker:unix://${taker.socket}`, 'loaded', undefined],
          ]);
          t.deepEqual(
            errors.map(({ code }) => code),
            ['E_ENGINE_UNREACHABLE'],
          );
          t.true(errors[0]?.message.includes(file), errors[0]?.message);
        }),
      ),
    );
  }),
);
