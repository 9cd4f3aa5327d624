import test from 'ava';
import { mediaTypes } from '../../src/core/media-types.ts';
import { parseReference } from '../../src/core/reference.ts';
import { openRegistrySource } from '../../src/registry/source.ts';
import { sampleImage } from '../helpers/registry-images.ts';
import { withDockerRegistry } from '../helpers/system-registry.ts';
import { needing } from '../helpers/system-tools.ts';

/** Puts one small image under many tags. */
async function push(host: string, repository: string, tags: readonly string[]): Promise<void> {
  const { manifest, blobs } = sampleImage();
  const send = async (url: string, method: string, body?: Buffer, type = 'application/octet-stream') => {
    const answer = await fetch(url, {
      method,
      headers: { 'content-type': type },
      ...(body === undefined ? {} : { body: Uint8Array.from(body) }),
    });
    if (!answer.ok) throw new Error(`${method} ${url}: ${answer.status} ${await answer.text()}`);
    await answer.arrayBuffer();
    return answer;
  };
  for (const blob of blobs) {
    const opened = await send(`http://${host}/v2/${repository}/blobs/uploads/`, 'POST');
    const place = new URL(opened.headers.get('location') ?? '', `http://${host}`);
    const hash = await crypto.subtle.digest('SHA-256', Uint8Array.from(blob));
    place.searchParams.set('digest', `sha256:${Buffer.from(hash).toString('hex')}`);
    await send(place.href, 'PUT', blob);
  }
  for (const tag of tags) {
    await send(
      `http://${host}/v2/${repository}/manifests/${tag}`,
      'PUT',
      manifest.bytes,
      mediaTypes.ociManifest,
    );
  }
}

test.serial(
  'the tags of a real registry, over several pages',
  needing(['docker-registry'], (t) =>
    withDockerRegistry(async ({ host }) => {
      const tags = Array.from({ length: 1005 }, (_, at) => `1.0.0.${at + 1000}`);
      await push(host, 'demisto/tools', tags);
      const source = openRegistrySource({ retries: 0 });
      try {
        const found = await source.listTags(parseReference(`${host}/demisto/tools`));
        t.deepEqual([...found.tags].sort(), tags);
        const missing = source.listTags(parseReference(`${host}/demisto/nothing`));
        await t.throwsAsync(missing, { code: 'E_IMAGE_NOT_FOUND' });
      } finally {
        await source.close();
      }
    }),
  ),
);
