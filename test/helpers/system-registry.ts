import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { freePort, serviceFolder, startService, usingService, type Service } from './system-service.ts';
import { systemTools } from './system-tools.ts';

/** A private registry (the distribution project's) on 127.0.0.1, without TLS. Needs `docker-registry`. */
export interface DockerRegistry extends Service {
  /** Host and port, e.g. `127.0.0.1:40123`. */
  readonly host: string;
  /** Where it keeps its blobs. */
  readonly storage: string;
}

/** Starts an empty registry. The caller has to `stop` it. */
export async function startDockerRegistry(): Promise<DockerRegistry> {
  const folder = await serviceFolder('registry');
  const storage = path.join(folder, 'storage');
  await mkdir(storage);
  const host = `127.0.0.1:${await freePort()}`;
  const config = path.join(folder, 'config.json');
  // JSON is YAML.
  await writeFile(
    config,
    JSON.stringify({
      version: '0.1',
      storage: { filesystem: { rootdirectory: storage } },
      http: { addr: host, secret: 'only for tests' },
    }),
  );
  const service = await startService({
    name: 'docker-registry',
    command: systemTools().path('docker-registry'),
    args: ['serve', config],
    folder,
    isReady: async () => (await fetch(`http://${host}/v2/`, { signal: AbortSignal.timeout(5000) })).ok,
  });
  return { ...service, host, storage };
}

/** Calls `use` with a private registry that is stopped afterwards. */
export async function withDockerRegistry<T>(use: (registry: DockerRegistry) => Promise<T>): Promise<T> {
  return usingService(await startDockerRegistry(), use);
}
