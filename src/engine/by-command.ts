import { access, constants, stat } from 'node:fs/promises';
import path from 'node:path';
import { PackferryError } from '../core/errors.ts';
import type { CommandConnection } from './command-engine.ts';
import { commandEnvironment, type EngineCommand } from './command.ts';
import { openCommandStream } from './command-stream.ts';
import type { DockerConnection } from './docker-connection.ts';
import type { Environment } from './docker-context.ts';

type Product = 'docker' | 'podman';

/** How user names are written (useradd(8)); sudo takes `#1000` for a number. */
const userName = /^[a-z_][a-z0-9_.-]{0,31}\$?$/i;

/**
 * Reads what may follow `docker:` or `podman:` when the engine is to be reached by its own command: `?command`, as this
 * user; `?sudo`, as root; `?as=USER`. Undefined for what does not start with a question mark. Throws
 * `E_ENDPOINT_INVALID`.
 */
export function byCommand(
  product: Product,
  rest: string,
  environment: Environment,
): EngineCommand | undefined {
  if (!rest.startsWith('?')) return undefined;
  const name = `${product}:${rest}`;
  // "--": what follows is the program, whatever it looks like. -H: Podman's store lies in the home of its user.
  const sudo = ['sudo', '-n', '-H'] as const;
  const env = commandEnvironment(environment);
  if (rest === '?command') return { name, argv: [product], env };
  if (rest === '?sudo') return { name, argv: [...sudo, '--', product], env };
  const [, user] = /^\?as=(.+)$/s.exec(rest) ?? [];
  if (user !== undefined && userName.test(user))
    return { name, argv: [...sudo, '-u', user, '--', product], env };
  throw new PackferryError('E_ENDPOINT_INVALID', `${name}: no way to reach ${product} by its command`, {
    hint: `Write ${product}:?command, ${product}:?sudo (as root) or ${product}:?as=USER, which all use the command ${product}.`,
  });
}

/** Docker by its own client, which hands the API through: it knows contexts, certificates and who may talk to the engine. */
export function dockerByCommand(command: EngineCommand): DockerConnection {
  const connect = (): ReturnType<typeof openCommandStream> =>
    openCommandStream(command, ['system', 'dial-stdio']);
  return { name: command.name, kind: 'stream', connect };
}

/** Podman by its own command. */
export function podmanByCommand(command: EngineCommand): CommandConnection {
  return { ...command, kind: 'command', product: 'podman' };
}

/** Where a program lies in the PATH; undefined when it does not. */
export async function findProgram(name: string, environment: Environment): Promise<string | undefined> {
  const folders = (environment['PATH'] ?? '')
    .split(path.delimiter)
    .filter((folder) => path.isAbsolute(folder));
  for (const folder of folders) {
    const file = path.join(folder, name);
    try {
      await access(file, constants.X_OK);
      if ((await stat(file)).isFile()) return file;
    } catch {
      // Not there, or not for this user: the next folder may have one.
    }
  }
  return undefined;
}
