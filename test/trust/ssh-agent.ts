import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import path from 'node:path';
import type { ExecutionContext } from 'ava';
import { withTempDir } from './fixtures.ts';

/** Is there an ssh-agent on this machine? */
const hasAgent = spawnSync('ssh-add', ['-?'], { encoding: 'utf8' }).error === undefined;

/** Runs `body` with the machine's ssh-agent, which holds nothing yet; where there is none, says so and asserts nothing more. */
export async function withAgent(
  t: ExecutionContext,
  body: (agent: { readonly socket: string; readonly folder: string }) => Promise<void>,
): Promise<void> {
  if (!hasAgent) {
    t.log('left out: no ssh-agent on this machine');
    t.pass();
    return;
  }
  await withTempDir(async (folder) => {
    const socket = path.join(folder, 'agent');
    const child = spawn('ssh-agent', ['-D', '-a', socket], { stdio: ['ignore', 'pipe', 'ignore'] });
    try {
      await once(child.stdout, 'data'); // it prints its variables when it listens
      await body({ socket, folder });
    } finally {
      const ended = once(child, 'close');
      child.kill();
      await ended;
    }
  });
}

export function addToAgent(socket: string, file: string): boolean {
  const env = { ...process.env, SSH_AUTH_SOCK: socket };
  return spawnSync('ssh-add', ['-q', file], { env, timeout: 20_000 }).status === 0;
}

/** The agent forgets every key. */
export function emptyAgent(socket: string): void {
  spawnSync('ssh-add', ['-q', '-D'], { env: { ...process.env, SSH_AUTH_SOCK: socket }, timeout: 20_000 });
}

/** An agent that gives these answers (without their length), whatever it is asked; undefined: it hangs up. */
export async function withScriptedAgent(
  answer: (request: Buffer, socket: Socket) => void,
  body: (socket: string) => Promise<void>,
): Promise<void> {
  await withTempDir(async (folder) => {
    const at = path.join(folder, 'agent');
    const server = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.once('data', (bytes: Buffer) => answer(bytes.subarray(4), socket));
    });
    server.listen(at);
    await once(server, 'listening');
    try {
      await body(at);
    } finally {
      server.close();
    }
  });
}
