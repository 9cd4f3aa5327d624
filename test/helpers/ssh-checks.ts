import { createServer } from 'node:net';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import type { ExecutionContext } from 'ava';
import type { HostConnection } from '../../src/ssh/host-connection.ts';
import type { Sshd } from './system-sshd.ts';
import { systemTools } from './system-tools.ts';

/** What shells and clients make something of. */
const oddArguments = [
  "it's",
  '"',
  '$(id)',
  '`id`',
  '${HOME}',
  '\\',
  '*',
  '~',
  '!1',
  '#',
  '&&',
  ';',
  '',
  ' a  b ',
  '-n',
  '-oProxyCommand=x',
  'ä€',
  '\t',
];

/** Commands get odd arguments as they are, in every shell that is here. */
export async function keepsOddArguments(t: ExecutionContext, connection: HostConnection): Promise<void> {
  for (const shell of [['dash'], ['bash'], ['busybox', 'sh']] as const) {
    const [tool, ...more] = shell;
    if (systemTools().missing([tool]).length > 0) continue;
    const script = 'for one; do printf "%s\\0" "$one"; done';
    const program = [systemTools().path(tool), ...more, '-c', script, 'name'];
    const { stdout, status } = await connection.run([...program, ...oddArguments]);
    t.is(status, 0, tool);
    t.deepEqual(stdout.split('\0').slice(0, -1), oddArguments, tool);
  }
}

/** Status and words of a command come back, and its input arrives. */
export async function tellsAndTakes(t: ExecutionContext, connection: HostConnection): Promise<void> {
  const failed = await connection.run(['sh', '-c', 'echo out; echo words >&2; exit 7']);
  t.like(failed, { status: 7, stdout: 'out\n', stderr: 'words\n' });
  const cat = await connection.exec(['cat'], () => undefined);
  cat.end('through and back');
  t.is(await text(cat), 'through and back');
}

/** A socket of the far side answers so many streams at once, each with more bytes than a window; one that is not there does not. */
export async function reachesSockets(
  t: ExecutionContext,
  sshd: Sshd,
  streams: number,
  connected: (use: (connection: HostConnection) => Promise<void>) => Promise<void>,
): Promise<void> {
  const socket = path.join(sshd.folder, 'echo.sock');
  const server = createServer({ allowHalfOpen: true }, (one) => one.on('error', () => undefined).pipe(one));
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  try {
    await connected(async (connection) => {
      const many = Array.from({ length: streams }, async (_, at) => {
        const stream = await connection.openStreamLocal(socket);
        const sent = String(at % 10).repeat(5 * 1024 * 1024);
        const back = text(stream);
        stream.end(sent);
        return (await back) === sent;
      });
      t.deepEqual(
        await Promise.all(many),
        Array.from({ length: streams }, () => true),
      );
      // Some learn of it when they open the stream, some when they read.
      const none = connection.openStreamLocal('/nowhere.sock').then((stream) => text(stream));
      await t.throwsAsync(none, { name: 'ChannelRefused' });
    });
  } finally {
    server.close();
  }
}
