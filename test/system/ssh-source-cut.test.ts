import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { composeImage, noise } from '../../bin/demo/sample-images.ts';
import { parseReference } from '../../src/core/reference.ts';
import type { Emit } from '../../src/core/events.ts';
import { openDockerTarget } from '../../src/engine/docker-target.ts';
import { openEngineSource } from '../../src/engine/engine-source.ts';
import { sshSource } from '../../src/engine/ssh-access.ts';
import { parseSshEndpoint } from '../../src/engine/ssh-endpoint.ts';
import { lockComposed } from '../helpers/compose.ts';
import { withCuttingProxy } from '../helpers/cutting-proxy.ts';
import { userOf } from '../helpers/ssh-user.ts';
import { withDockerd } from '../helpers/system-dockerd.ts';
import { composedSource } from '../helpers/system-images.ts';
import { makeKnown, sshdNeeds, withSshd } from '../helpers/system-sshd.ts';
import { needing } from '../helpers/system-tools.ts';

const image = composeImage({ files: [{ path: 'large', content: noise('large', 12_000_000) }] });
const locked = lockComposed('docker.io/demisto/sample:large', image);

test.serial(
  'a source over SSH whose connection breaks in the middle of a save is connected to again, and saves again',
  needing([...sshdNeeds, 'dockerd', 'docker', 'root'], (t) =>
    withDockerd(async (engine) => {
      const near = await openDockerTarget({ name: 'docker:', kind: 'unix', path: engine.socket });
      await near.deliver(locked, composedSource([image]));
      await near.close();
      await withSshd(async (sshd) => {
        await makeKnown(sshd);
        await withCuttingProxy(sshd, async (proxy) => {
          const hosts = path.join(sshd.home, '.ssh', 'known_hosts');
          const known = await readFile(hosts, 'utf8');
          await writeFile(hosts, known + known.replaceAll(`:${sshd.port} `, `:${proxy.port} `));
          const { signal } = new AbortController();
          const endpoint = parseSshEndpoint(`//root@127.0.0.1:${proxy.port}?socket=${engine.socket}`);
          const notes: string[] = [];
          let cuts = 0;
          let isCut = false;
          const emit: Emit = (event) => {
            if (event.type === 'note') notes.push(event.message);
            if (event.type === 'started') isCut = cuts >= 2;
            if (event.type !== 'progress' || event.bytes < 1_000_000 || isCut) return;
            isCut = true;
            cuts += 1;
            proxy.cut();
          };
          const ssh = { me: userOf(sshd), acceptNew: false };
          const connection = await sshSource(endpoint, { ssh, emit, signal });
          const spoolDir = path.join(sshd.folder, 'spool');
          const source = await openEngineSource(connection, { spoolDir, emit, signal, retryDelay: 1 });
          try {
            const resolved = await source.resolve(parseReference(locked.reference), locked.platform);
            t.is(resolved.config.digest, locked.config.digest);
            t.is(cuts, 2);
            t.is(notes.filter((note) => note.endsWith('; it is saved again')).length, 2, notes.join('\n'));
          } finally {
            await source.close();
          }
        });
      });
    }),
  ),
);
