// A registry that stores nothing: `node generated-registry.js BYTES`. It has an image for every one of the vendor's list,
// with sizes in the same proportions and BYTES of layers in all, and computes their bytes whenever somebody asks. Prints
// one line of JSON (`GeneratedLine`) when it is ready; ends with its standard input.
import { createHash } from 'node:crypto';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import process from 'node:process';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Digest } from '../../../src/core/digest.ts';
import { composedBlobs, type ComposedBlob, type ComposedLayer } from '../../demo/sample-images.ts';
import { mediaTypes } from '../../../src/core/media-types.ts';
import { randomBytesAt } from './content.ts';
import { imageOf, type PushedImage } from './images.ts';
import { vendorImages } from './vendor-images.ts';

export interface GeneratedLine {
  readonly port: number;
  readonly images: readonly PushedImage[];
  readonly uniqueBytes: number;
  readonly blobs: number;
}

const pieceSize = 256 * 1024;
const sharedBases = 6;
/** How much of an image is its base, and how the rest falls into layers. */
const baseShare = 0.35;
const ownShares = [0.7, 0.25, 0.05];

const generated = new Map<string, { readonly seed: string; readonly size: number }>();
const kept = new Map<string, ComposedBlob>();
const tags = new Map<string, ComposedBlob>();

/** A stretch of a layer, piece by piece. */
function* stretch(seed: string, from: number, end: number): Generator<Buffer> {
  for (let at = from; at < end; at += pieceSize) yield randomBytesAt(seed, at, Math.min(pieceSize, end - at));
}

function layer(seed: string, size: number): ComposedLayer {
  const hash = createHash('sha256');
  for (const piece of stretch(seed, 0, size)) hash.update(piece);
  const digest: Digest = `sha256:${hash.digest('hex')}`;
  generated.set(digest, { seed, size });
  // Nobody unpacks these layers, so any digest does for their content.
  const descriptor = { mediaType: mediaTypes.dockerLayerGzip, digest, size };
  return { descriptor, bytes: Buffer.alloc(0), diffId: digest };
}

/** Makes the images so that all layers together, each once, have about `bytes`. */
function makeImages(bytes: number): PushedImage[] {
  const listed = vendorImages();
  const sum = listed.reduce((all, { weight }) => all + weight, 0);
  const baseSize = Math.floor((bytes * baseShare) / (listed.length * (1 - baseShare) + sharedBases));
  const scale = (bytes - sharedBases * baseSize) / sum;
  const bases = Array.from({ length: sharedBases }, (_, at) => layer(`base-${at}`, baseSize));
  return listed.map(({ repository, tag, weight }, at) => {
    const own = ownShares.map((share, part) =>
      layer(`${repository}:${tag}/${part}`, Math.max(1, Math.floor(weight * scale * share))),
    );
    const base = bases[at % sharedBases];
    const image = imageOf(`${repository}:${tag}`, base === undefined ? own : [base, ...own]);
    for (const blob of composedBlobs(image))
      if (blob.bytes.length > 0) kept.set(blob.descriptor.digest, blob);
    tags.set(`${repository}/${tag}`, image.manifest);
    return { repository, tag };
  });
}

async function answer(url: string, range: string | undefined, response: ServerResponse): Promise<void> {
  const [, repository = '', kind = '', name = ''] =
    /^\/v2\/(.+)\/(manifests|blobs)\/([^/]+)$/.exec(url) ?? [];
  const blob = kept.get(name) ?? tags.get(`${repository}/${name}`);
  const made = generated.get(name);
  if (blob !== undefined) {
    const { digest, mediaType } = blob.descriptor;
    const type = kind === 'manifests' ? mediaType : 'application/octet-stream';
    response.writeHead(200, {
      'content-type': type,
      'content-length': blob.bytes.length,
      'docker-content-digest': digest,
      'accept-ranges': 'bytes',
    });
    response.end(blob.bytes);
  } else if (made !== undefined) {
    await send(made.seed, made.size, range, response);
  } else {
    response.writeHead(url === '/v2/' ? 200 : 404).end();
  }
}

async function send(
  seed: string,
  size: number,
  range: string | undefined,
  response: ServerResponse,
): Promise<void> {
  const [, first = '0', last = ''] = /^bytes=(\d+)-(\d*)$/.exec(range ?? '') ?? [];
  const from = Number(first);
  const end = last === '' ? size : Math.min(size, Number(last) + 1);
  response.writeHead(range === undefined ? 200 : 206, {
    'content-type': 'application/octet-stream',
    'content-length': end - from,
    ...(range === undefined ? {} : { 'content-range': `bytes ${from}-${end - 1}/${size}` }),
  });
  // A client that goes away is no fault.
  await pipeline(Readable.from(stretch(seed, from, end)), response).catch(() => undefined);
}

const images = makeImages(Number(process.argv[2]));
const server = createServer((request, response) => {
  answer(request.url ?? '', request.headers.range, response).catch((fault: unknown) => {
    response.destroy(fault instanceof Error ? fault : undefined);
  });
});
server.listen(0, '127.0.0.1', () => {
  const sizes = [...generated.values(), ...[...kept.values()].map(({ descriptor }) => descriptor)];
  const line: GeneratedLine = {
    port: (server.address() as AddressInfo).port,
    images,
    uniqueBytes: sizes.reduce((sum, { size }) => sum + size, 0),
    blobs: sizes.length,
  };
  process.stdout.write(`${JSON.stringify(line)}\n`);
});
process.stdin.on('close', () => process.exit()).resume();
