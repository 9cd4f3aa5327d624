import { createServer } from 'node:http';
import { Duplex, duplexPair } from 'node:stream';
import { setImmediate as nextTurn } from 'node:timers/promises';
import test from 'ava';
import { composeImage } from '../../bin/demo/sample-images.ts';
import { silent } from '../../src/core/events.ts';
import { openDockerTarget } from '../../src/engine/docker-target.ts';
import { connectionBy, wayOn } from '../../src/engine/ssh-connection.ts';
import { parseSshEndpoint } from '../../src/engine/ssh-endpoint.ts';
import type { HostConnection } from '../../src/ssh/host-connection.ts';
import { lockComposed } from '../helpers/compose.ts';

/** A line on which nothing sets out before all that is on the way has come back: so its round trips can be counted. */
class SlowLine {
  trips = 0;
  #waiting: (() => void)[] = [];

  /** Resolves when the next round trip is over. */
  trip(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Moves what waits whenever nothing else goes on, until the work is done. All of it happens in this process. */
  async during<T>(work: Promise<T>): Promise<T> {
    const state = { isDone: false };
    const ended = work.finally(() => (state.isDone = true));
    ended.catch(() => undefined);
    while (!state.isDone) {
      const before = this.#waiting.length;
      for (let turn = 0; turn < 50; turn += 1) await nextTurn();
      if (before === 0 || this.#waiting.length !== before) continue;
      this.trips += 1;
      for (const go of this.#waiting.splice(0)) go();
    }
    return ended;
  }
}

/** The near end of a channel: what is written takes a round trip, in which the answer comes back. */
function throughLine(line: SlowLine, far: Duplex): Duplex {
  const near = new Duplex({
    read: () => void far.resume(),
    write: (chunk: Buffer, _encoding, done) => {
      void line.trip().then(() => far.write(chunk, done));
    },
    final: (done) => far.end(done),
  });
  far.on('data', (chunk: Buffer) => near.push(chunk));
  far.on('end', () => near.push(null));
  return near;
}

const answers = new Map<string, unknown>([
  ['/_ping', 'OK'],
  ['/info', { Driver: 'overlay2', DockerRootDir: '/var/lib/docker', Name: 'far', OSType: 'linux' }],
  ['/images/json', []],
]);

test('to find an engine over SSH, learn what it is, and what it has and has room for, takes four round trips', async (t) => {
  const line = new SlowLine();
  const server = createServer((request, response) => {
    const answer = answers.get((request.url ?? '').replace(/\?.*$/, ''));
    response.setHeader('api-version', '1.41');
    response.statusCode = answer === undefined ? 404 : 200;
    response.end(JSON.stringify(answer ?? { message: 'no such image' }));
  });
  const connection: HostConnection = {
    ...{ name: 'ssh://far', account: [], isOpen: true, close: () => undefined },
    openStreamLocal: async () => {
      await line.trip();
      const [far, near] = duplexPair();
      server.emit('connection', far);
      return throughLine(line, near);
    },
    exec: () => Promise.reject(new Error('nothing is run')),
    run: async () => {
      await line.trip();
      return {
        status: 0,
        stderr: '',
        stdout: 'Filesystem 1024-blocks Used Available Capacity Mounted on\n/dev/x 9 1 9999 1% /\n',
      };
    },
  };
  // What is loaded from the disk is no part of this.
  await import('dockerode');
  const endpoint = parseSshEndpoint('//far');
  const images = ['a', 'b', 'c', 'd', 'e'].map((name) =>
    lockComposed(`docker.io/demisto/${name}:1`, composeImage({ files: [{ path: name, content: name }] })),
  );
  const work = async (): Promise<number> => {
    const way = await wayOn(connection, endpoint, { emit: silent });
    const found = connectionBy(way, connection, endpoint);
    const target = await openDockerTarget(found.kind === 'stream' ? { ...found, isRemote: true } : found);
    const presences = await target.survey(images);
    t.true(presences.every(({ state }) => state === 'absent'));
    t.deepEqual(await target.preflight?.(images), []);
    await target.close();
    return line.trips;
  };
  t.is(await line.during(work()), 4);
  server.close();
});
