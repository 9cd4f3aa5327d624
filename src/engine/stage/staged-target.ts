import type { Duplex } from 'node:stream';
import { PackferryError } from '../../core/errors.ts';
import type { ImageTarget } from '../../core/ports.ts';
import type { HostConnection } from '../../ssh/host-connection.ts';
import { LastingConnection, type LastingOptions } from '../../ssh/lasting.ts';
import type { EngineConnection } from '../connect-engine.ts';
import { openDockerTarget } from '../docker-target.ts';
import { connectionBy, wayOn } from '../ssh-connection.ts';
import type { SshEndpoint } from '../ssh-endpoint.ts';
import { startThere } from '../ssh-command.ts';
import { freeThere } from '../ssh-room.ts';
import { engineCommand, type Way } from '../ssh-ways.ts';
import { patientEngine } from './patient-engine.ts';
import { Stage } from './stage.ts';

/** Milliseconds that a question to the engine may take, with the time in which the connection is made anew. */
const askWithin = 600_000;

/** Where images are staged. */
export interface StageFolder {
  /** A folder on the far machine; the cache folder of the user there when absent. */
  readonly dir?: string;
  /** Milliseconds in which nothing is seen of another run that stages the same image. Default: two minutes. */
  readonly silence?: number;
}

export interface StagedOptions extends LastingOptions, StageFolder {
  /** Milliseconds in which nothing gets any further there, after which the host is given up. Default: that of `openDockerTarget`. */
  readonly loadIdle?: number | undefined;
}

/**
 * An engine on another machine as target, for links that break often: images travel in pieces into a folder there and are
 * loaded from it. Throws what `connectEngineOverSsh` and `openDockerTarget` throw.
 */
export async function openStagedTarget(endpoint: SshEndpoint, options: StagedOptions): Promise<ImageTarget> {
  const { dir, silence, loadIdle, emit, signal } = options;
  const { name, as } = endpoint;
  const lasting = await LastingConnection.open(endpoint.destination, options);
  const ways = new WeakMap<HostConnection, Promise<Way>>();
  const onHost = (connection: HostConnection): Promise<Way> => {
    const way = ways.get(connection) ?? wayOn(connection, endpoint, options);
    ways.set(connection, way);
    return way;
  };
  try {
    const first = await lasting.use(onHost);
    const stage = new Stage({
      ...{ name, lasting, dir, silence, emit },
      loader: ({ facts }) => [
        ...engineCommand(facts.product === 'podman' ? 'podman' : 'docker', as, first.socket),
        'load',
      ],
    });
    // Closed by the stage, which may still have to remove what it left.
    const shared = {
      close: () => undefined,
      freeIn: (folder: string) => lasting.use((current) => freeThere(current, folder)),
    };
    const connect = (): Promise<Duplex> =>
      lasting.use(async (current) => {
        const engine = connectionBy(await onHost(current), current, endpoint);
        if (engine.kind === 'stream') return engine.connect();
        throw new PackferryError('E_ENGINE_UNREACHABLE', `${name}: its API is not reached any more`, {
          hint: 'Run the same command again: what is there already is not sent twice.',
        });
      });
    const connection: EngineConnection =
      first.kind === 'command'
        ? {
            ...first.command,
            startThere: (argv) => lasting.use((current) => startThere(current, argv)),
            ...shared,
          }
        : { name, kind: 'stream', connect, ...shared };
    return await lasting.use(() =>
      openDockerTarget(connection, {
        ...{ signal, inspectWithin: askWithin },
        ...(loadIdle === undefined ? {} : { loadIdle }),
        staging: {
          over: (engine) => patientEngine(engine, lasting),
          alone: (...args) => stage.alone(...args),
          load: (...args) => stage.load(...args),
          close: () => stage.close(),
        },
      }),
    );
  } catch (fault) {
    lasting.close();
    throw fault;
  }
}
