import path from 'node:path';
import { mkdir } from 'node:fs/promises';
import { freePort } from './free-port.ts';
import { inEngineRoot } from './system-engine-root.ts';
import { serviceFolder, startService, usingService, type Service } from './system-service.ts';

export interface CraneRegistry extends Service {
  /** Host and port, e.g. `127.0.0.1:40123`. */
  readonly host: string;
}

/** Calls `use` with an empty registry of go-containerregistry (`crane registry serve`), another one than the distribution project's. */
export async function withCraneRegistry<T>(use: (registry: CraneRegistry) => Promise<T>): Promise<T> {
  const folder = await serviceFolder('crane');
  const disk = path.join(folder, 'blobs');
  await mkdir(disk);
  const host = `127.0.0.1:${await freePort()}`;
  const serving = ['registry', 'serve', '--address', host, '--disk', disk];
  const service = await startService({
    name: 'crane registry',
    ...inEngineRoot([folder], { command: 'crane', args: serving }),
    folder,
    isReady: async () =>
      (await fetch(`http://${host}/v2/`, { signal: AbortSignal.timeout(5000) })).status === 200,
  });
  return usingService({ ...service, host }, use);
}
