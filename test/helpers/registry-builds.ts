import type { ExecutionContext } from 'ava';
import { scripted } from './registry-context.ts';
import { MemoryContent, sampleImage } from './registry-images.ts';
import { serveFrom, type ScriptedServer } from './registry-scripted.ts';

/**
 * Repositories, their tags, and the version of Python in each image; null for images without. An image with the Python
 * `broken` has a configuration that cannot be read.
 */
export type Builds = Readonly<Record<string, Readonly<Record<string, string | null>>>>;

/** A registry with these builds. Each was made as many seconds after the beginning of 2026 as its revision says. */
export async function serveBuilds(t: ExecutionContext, builds: Builds): Promise<ScriptedServer> {
  const content = new MemoryContent();
  for (const [repository, tags] of Object.entries(builds)) {
    for (const [tag, python] of Object.entries(tags)) {
      const seconds = Number(/\d+$/.exec(tag)?.[0] ?? '0');
      const image = sampleImage({
        seed: `${repository} ${tag}`,
        editConfig: (config) => {
          config['created'] = new Date(Date.UTC(2026, 0, 1) + seconds * 1000).toISOString();
          config['config'] = {
            Env: ['LANG=C.UTF-8', ...(python === null ? [] : [`PYTHON_VERSION=${python}`])],
          };
          if (python === 'broken') config['rootfs'] = 'broken';
        },
      });
      content.image(repository, tag, image);
    }
  }
  return scripted(t, async (request, response) => serveFrom(content, request, response));
}
