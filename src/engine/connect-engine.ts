import { ApiEngine } from './api-engine.ts';
import { openByCommand, type CommandConnection } from './command-engine.ts';
import { connectDocker } from './docker-api.ts';
import type { DockerConnection } from './docker-connection.ts';
import { learnFacts } from './docker-facts.ts';
import type { Engine } from './engine.ts';

/** A way to an engine: to its API, or by its own command. */
export type EngineConnection = DockerConnection | CommandConnection;

/**
 * Reaches an engine and asks it what it is, for which it has `answerWithin` milliseconds. Throws the abort reason,
 * `E_ENGINE_UNREACHABLE`, `E_ENGINE_DENIED`, `E_ENGINE_PROTOCOL`, `E_ENDPOINT_INVALID`.
 */
export async function connectEngine(
  connection: EngineConnection,
  answerWithin: number,
  signal?: AbortSignal,
): Promise<Engine> {
  if (connection.kind === 'command') return openByCommand(connection, answerWithin, signal);
  const api = await connectDocker(connection);
  try {
    const freeIn = connection.kind === 'stream' ? connection.freeIn : undefined;
    return new ApiEngine(api, await learnFacts(api, answerWithin, signal), freeIn);
  } catch (fault) {
    api.close();
    throw fault;
  }
}

/** Does it lead to another machine, so that the way there may break? */
export function isRemote(connection: EngineConnection): boolean {
  return (
    connection.kind === 'tcp' ||
    connection.kind === 'tls' ||
    (connection.kind === 'stream' && connection.isRemote === true) ||
    (connection.kind === 'command' && connection.startThere !== undefined)
  );
}
