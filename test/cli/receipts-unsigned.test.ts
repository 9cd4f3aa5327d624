import { readdir } from 'node:fs/promises';
import { createServer, type Socket } from 'node:net';
import path from 'node:path';
import test from 'ava';
import { withFolder } from '../helpers/bundle-fixture.ts';
import { runCli } from '../helpers/cli-run.ts';
import { receiptsOf } from '../helpers/receipts.ts';

test('a sync of which no host answers leaves a receipt that says which and why', async (t) => {
  await withFolder(async (folder) => {
    const state = path.join(folder, 'state');
    const urls = ['one', 'two'].map((name) => `docker:unix://${path.join(folder, name)}`);
    const hosts = urls.flatMap((url) => ['--host', url]);
    const argv = ['sync', '--images', 'acme/*', ...hosts, '--state', state];
    const dry = await runCli([...argv, '--dry-run']);
    t.not(dry.status, 0);
    await t.throwsAsync(readdir(state), { code: 'ENOENT' }, 'a dry run leaves none');
    const unnamed = await runCli(['sync', ...hosts, '--state', state]);
    t.is(unnamed.status, 2);
    await t.throwsAsync(readdir(state), { code: 'ENOENT' }, 'a slip of the pen leaves none');

    const ran = await runCli(argv);
    t.not(ran.status, 0);
    const [receipt] = await receiptsOf(state);
    t.like(receipt, { action: 'sync', outcome: { result: 'failed', status: ran.status } });
    t.is(receipt?.bundle, undefined);
    t.deepEqual(receipt?.unsigned, { sources: urls, images: [] });
    t.deepEqual(
      receipt?.targets.map(({ name, images, error }) => [name, images, error?.code]),
      urls.map((url) => [url, [], 'E_SOURCE_UNREACHABLE']),
    );
    t.regex(ran.stderr, /receipt 1 written/i, ran.stderr);
  });
});

test('a sync that is interrupted while hosts are asked leaves a receipt that says so', async (t) => {
  await withFolder(async (folder) => {
    const state = path.join(folder, 'state');
    const stop = new AbortController();
    const open = new Set<Socket>();
    const socket = path.join(folder, 'engine.sock');
    // Takes questions, and never answers.
    const server = createServer((client) => {
      open.add(client.on('error', () => undefined));
      client.once('data', () => {
        stop.abort(new DOMException('interrupted', 'AbortError'));
      });
    });
    await new Promise<void>((resolve) => server.listen(socket, resolve));
    try {
      const hosts = ['--host', `docker:unix://${socket}`, '--host', `docker:unix://${folder}/off.sock`];
      const ran = await runCli(['sync', '--images', 'acme/*', ...hosts, '--state', state], {
        signal: stop.signal,
      });
      t.not(ran.status, 0);
      const [receipt] = await receiptsOf(state);
      t.like(receipt, { number: 1, action: 'sync', outcome: { result: 'interrupted' } });
    } finally {
      for (const client of open) client.destroy();
      server.close();
    }
  });
});
