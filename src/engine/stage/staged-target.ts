import type { ImageTarget } from '../../core/ports.ts';
import type { SshConnection } from '../../ssh/connection.ts';
import { LastingConnection, type LastingOptions } from '../../ssh/lasting.ts';
import type { DockerConnection } from '../docker-connection.ts';
import { openDockerTarget } from '../docker-target.ts';
import { engineOn, type EngineOnHost } from '../ssh-connection.ts';
import type { SshEndpoint } from '../ssh-endpoint.ts';
import { engineCommand } from '../ssh-ways.ts';
import { patientEngine } from './patient-engine.ts';
import { Stage } from './stage.ts';

/** Milliseconds that a question to the engine may take, with the time in which the connection is made anew. */
const askWithin = 600_000;

/** Where images are staged. */
export interface StageFolder {
  /** A folder on the far machine; the cache folder of the user there when absent. */
  readonly dir?: string;
}

export type StagedOptions = LastingOptions & StageFolder;

/**
 * An engine on another machine as target, for links that break often: images travel in pieces into a folder there and are
 * loaded from it. Throws what `connectEngineOverSsh` and `openDockerTarget` throw.
 */
export async function openStagedTarget(endpoint: SshEndpoint, options: StagedOptions): Promise<ImageTarget> {
  const { dir, emit, signal } = options;
  const { name, as } = endpoint;
  const lasting = await LastingConnection.open(endpoint.destination, options);
  const ways = new WeakMap<SshConnection, Promise<EngineOnHost>>();
  const onHost = (connection: SshConnection): Promise<EngineOnHost> => {
    const way = ways.get(connection) ?? engineOn(connection, endpoint, options);
    ways.set(connection, way);
    return way;
  };
  try {
    const { socket } = await lasting.use(onHost);
    const stage = new Stage({
      ...{ name, lasting, dir, emit },
      loader: ({ facts }) => [
        ...engineCommand(facts.product === 'podman' ? 'podman' : 'docker', as, socket),
        'load',
      ],
    });
    const connection: DockerConnection = {
      ...{ name, kind: 'stream' },
      connect: () => lasting.use(async (current) => (await onHost(current)).connect()),
      // Closed by the stage, which may still have to remove what it left.
      close: () => undefined,
    };
    return await lasting.use(() =>
      openDockerTarget(connection, {
        ...{ signal, inspectWithin: askWithin },
        staging: {
          over: (engine) => patientEngine(engine, lasting),
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
