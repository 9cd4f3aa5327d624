import * as z from 'zod';
import { messageOf, PackferryError } from '../core/errors.ts';
import { call } from './call-command.ts';
import { commandEnvironment } from './command.ts';
import type { Environment } from './docker-context.ts';
import { parseAnswer } from './parse-answer.ts';
import { inTime } from './patience.ts';

/** What `podman system connection list` tells of one; keys differ between versions. */
const connections = z.array(
  z.object({ Name: z.string(), URI: z.string().min(1), Identity: z.string().exactOptional() }),
);

/** Milliseconds; podman only reads files for it. */
const longest = 30_000;

/** A connection that podman's user has given a name. */
export interface NamedConnection {
  readonly uri: string;
  /** The key file that goes with it. */
  readonly identity?: string;
}

/**
 * The connection that CONTAINER_CONNECTION names. Podman itself is asked, since the places and the form of what it keeps
 * them in differ between versions (`containers.conf`, `podman-connections.json`). Throws `E_ENDPOINT_INVALID`.
 */
export async function namedConnection(name: string, environment: Environment): Promise<NamedConnection> {
  const source = `CONTAINER_CONNECTION=${name}`;
  // That variable is not handed on: podman would want to connect at once.
  const command = { name: source, argv: ['podman'] as const, env: commandEnvironment(environment) };
  try {
    const args = ['system', 'connection', 'list', '--format', 'json'];
    const { said } = await inTime(source, longest, undefined, (signal) => call(command, args, signal));
    const found = parseAnswer(said, connections).find(({ Name }) => Name === name);
    if (found === undefined) throw new Error('podman knows no connection of this name');
    const { URI: uri, Identity: identity = '' } = found;
    return identity === '' ? { uri } : { uri, identity };
  } catch (cause) {
    throw new PackferryError(
      'E_ENDPOINT_INVALID',
      `${source}: cannot tell which Podman is meant: ${messageOf(cause)}`,
      {
        hint: 'See "podman system connection list", or name the Podman: podman:unix:///PATH, ssh://[USER@]HOST.',
        cause,
      },
    );
  }
}
