import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { Engine } from '../../src/engine/engine.ts';
import type { EngineBench } from './system-engines.ts';

/** A file of an image, on one line. The newer Podman runs no container on some machines: there the image is mounted. */
export async function contentOf(
  { engine, kind }: Pick<EngineBench, 'engine' | 'kind'>,
  api: Engine,
  image: string,
  file: string,
): Promise<string> {
  if (kind.product === 'docker' || !('command' in engine)) {
    const { words } = await api.run({ image, command: ['cat', file], signal: AbortSignal.timeout(60_000) });
    return words;
  }
  const mounted = (await engine.run(['image', 'mount', image])).trim();
  const text = await readFile(path.join(mounted, file), 'utf8').catch(() => 'no such file');
  return text.trim().replaceAll(/\s+/g, ' ');
}
