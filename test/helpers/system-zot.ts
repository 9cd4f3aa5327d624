import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { freePort } from './free-port.ts';
import { serviceFolder, startService, usingService, type Service } from './system-service.ts';
import { systemTools } from './system-tools.ts';

export interface Zot extends Service {
  /** Host and port, e.g. `127.0.0.1:40123`. */
  readonly host: string;
}

/** Calls `use` with an empty zot, which takes manifests of Docker's own kind only when it is told so. Needs `zot`. */
export async function withZot<T>(
  use: (zot: Zot) => Promise<T>,
  { takesDocker = true }: { readonly takesDocker?: boolean } = {},
): Promise<T> {
  const folder = await serviceFolder('zot');
  const rootDirectory = path.join(folder, 'storage');
  await mkdir(rootDirectory);
  const port = String(await freePort());
  const host = `127.0.0.1:${port}`;
  const config = path.join(folder, 'config.json');
  await writeFile(
    config,
    JSON.stringify({
      distSpecVersion: '1.1.1',
      storage: { rootDirectory },
      http: { address: '127.0.0.1', port, ...(takesDocker ? { compat: ['docker2s2'] } : {}) },
      log: { level: 'info' },
    }),
  );
  const service = await startService({
    name: 'zot',
    command: systemTools().path('zot'),
    args: ['serve', config],
    folder,
    isReady: async () =>
      (await fetch(`http://${host}/v2/`, { signal: AbortSignal.timeout(5000) })).status === 200,
  });
  return usingService({ ...service, host }, use);
}
