import { composedBlobs, type ComposedImage } from '../../bin/demo/sample-images.ts';

/**
 * Pushes a composed image to a registry, as the distribution specification has it: blobs first, the manifest last.
 * For tests that fill a real registry.
 */
export async function pushImage(
  host: string,
  repository: string,
  tag: string,
  image: ComposedImage,
): Promise<void> {
  const base = `http://${host}/v2/${repository}`;
  const manifest = image.manifest.descriptor;
  for (const { descriptor, bytes } of composedBlobs(image)) {
    if (descriptor.digest === manifest.digest) continue;
    const head = await fetch(`${base}/blobs/${descriptor.digest}`, { method: 'HEAD' });
    if (head.ok) continue;
    const upload = await must(await fetch(`${base}/blobs/uploads/`, { method: 'POST' }));
    const place = new URL(upload.headers.get('location') ?? '', base);
    place.searchParams.set('digest', descriptor.digest);
    await must(await fetch(place, { method: 'PUT', body: new Uint8Array(bytes) }));
  }
  const headers = { 'content-type': manifest.mediaType };
  const body = new Uint8Array(image.manifest.bytes);
  await must(await fetch(`${base}/manifests/${tag}`, { method: 'PUT', headers, body }));
}

async function must(answer: Response): Promise<Response> {
  if (!answer.ok) throw new Error(`${answer.url}: ${answer.status} ${await answer.text()}`);
  await answer.arrayBuffer();
  return answer;
}
