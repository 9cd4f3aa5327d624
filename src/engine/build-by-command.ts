import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { RunningCommand } from '../core/running-command.ts';
import { buildFailed, BuildTail, type BuildRequest } from './build-image.ts';

/**
 * Builds by `podman build`, which reads the tar of the folder from its input and prints the ID last. As by the API, nothing
 * comes from earlier builds and nothing is pulled. Rejects with what is no PackferryError when it could not be started.
 */
export async function buildByCommand(
  start: (args: readonly string[]) => Promise<RunningCommand>,
  { image, context, network, onLine }: BuildRequest,
): Promise<string> {
  const options = ['--no-cache', '--layers=false', '--pull=never', '--force-rm', '--rm'];
  const where = network === 'default' ? [] : [`--network=${network}`];
  const child = await start(['build', ...options, ...where, '--file', 'Dockerfile', '-']);
  const output = new BuildTail(onLine);
  const complaints = new BuildTail(onLine);
  try {
    // Once it has ended it takes no more: then its words count, not that the pipe broke.
    const sent = pipeline(context, child.stdin).catch(() => undefined);
    const said = Promise.all([taken(child.stdout, output), taken(child.stderr, complaints)]);
    const ending = await child.ended;
    await said;
    await sent;
    if (context.errored !== null) throw context.errored;
    const printed = output.end();
    const id = printed.at(-1) ?? '';
    if (ending === 0 && /^[0-9a-f]{64}$/.test(id)) return `sha256:${id}`;
    const complaint = complaints.end();
    throw buildFailed(image, complaint.at(-1) ?? `podman build ended with ${ending}`, [
      ...printed,
      ...complaint.slice(0, -1),
    ]);
  } finally {
    child.stop();
  }
}

async function taken(stream: Readable, tail: BuildTail): Promise<void> {
  try {
    for await (const bytes of stream.setEncoding('utf8') as AsyncIterable<string>) tail.take(bytes);
  } catch {
    // Closed since the command was stopped: what had come counts.
  }
}
