import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Readable } from 'node:stream';
import { promisify } from 'node:util';
import type { ExecutionContext } from 'ava';
import { composedBlobs, layersOf, type ComposedImage } from '../../bin/demo/compose-image.ts';
import { composeImage, noise } from '../../bin/demo/sample-images.ts';
import type { Descriptor, LockedImage } from '../../src/core/image.ts';
import { mediaTypes } from '../../src/core/media-types.ts';
import type { ImageSource } from '../../src/core/ports.ts';
import { systemCodeOf } from '../../src/core/errors.ts';

const run = promisify(execFile);

/** A folder of its own, gone when the test ends. */
export async function tempDir(t: ExecutionContext): Promise<string> {
  const dir = await mkdtemp(path.join(tmpdir(), 'packferry-test-'));
  t.teardown(() => rm(dir, { recursive: true, force: true }));
  return dir;
}

/** A composed image as a lock names it. */
export function lockComposed(reference: string, image: ComposedImage): LockedImage {
  const { manifest, config, platform } = image;
  return {
    reference,
    platform,
    manifest: manifest.descriptor,
    config: config.descriptor,
    layers: layersOf(image),
    source: 'memory:',
  };
}

/** A composed image as an engine has it that calls images by their config. */
export function lockUnpacked(reference: string, image: ComposedImage): LockedImage {
  const { config, platform, layers } = image;
  const descriptor = { ...config.descriptor, mediaType: mediaTypes.ociConfig, size: 0 };
  return {
    ...{ reference, platform, manifest: descriptor, config: descriptor, source: 'memory:', isUnpacked: true },
    layers: layers.map(({ diffId }) => ({ mediaType: mediaTypes.ociLayer, digest: diffId, size: 0, diffId })),
  };
}

export interface Family {
  readonly composed: readonly ComposedImage[];
  readonly images: readonly LockedImage[];
}

/** Three small images; the first two share a base. */
export function smallFamily(format: 'docker' | 'oci' = 'docker'): Family {
  const base = composeImage({ format, files: [{ path: 'base', content: noise('base', 3000) }] });
  const composed = ['one', 'two', 'three'].map((name) =>
    composeImage({
      format,
      ...(name === 'three' ? {} : { base }),
      files: [{ path: name, content: noise(name, 1500) }],
    }),
  );
  const names = ['docker.io/demisto/one:1.0', 'docker.io/demisto/two:1.0', 'registry.example:5000/three:7'];
  return { composed, images: composed.map((image, at) => lockComposed(names[at] ?? '', image)) };
}

/** The bytes of every blob of these images, by digest. */
export function blobBytes(composed: readonly ComposedImage[]): Map<string, Buffer> {
  return new Map(composed.flatMap(composedBlobs).map(({ descriptor, bytes }) => [descriptor.digest, bytes]));
}

/** Opens blobs out of a map, in pieces of 1000 bytes. */
export function opener(blobs: ReadonlyMap<string, Buffer>): (blob: Descriptor) => Promise<Readable> {
  return (blob) => {
    const bytes = blobs.get(blob.digest);
    if (bytes === undefined) return Promise.reject(new Error(`no blob ${blob.digest}`));
    const pieces = Array.from({ length: Math.ceil(bytes.length / 1000) }, (_, at) =>
      bytes.subarray(at * 1000, (at + 1) * 1000),
    );
    return Promise.resolve(Readable.from(pieces, { objectMode: false }));
  };
}

/** A source of blobs that are in memory; counts what is opened. */
export function memorySource(
  blobs: ReadonlyMap<string, Buffer>,
): ImageSource & { readonly opened: string[] } {
  const opened: string[] = [];
  const open = opener(blobs);
  return {
    name: 'memory:',
    opened,
    resolve: () => Promise.reject(new Error('not asked for')),
    openBlob: (_image, blob) => {
      opened.push(blob.digest);
      return open(blob);
    },
    close: () => Promise.resolve(),
  };
}

/** Runs a tool and gives its standard output; undefined, with a line in the log, where the tool is not installed. */
export async function runTool(
  t: ExecutionContext,
  tool: string,
  args: readonly string[],
): Promise<string | undefined> {
  try {
    const { stdout } = await run(tool, args, { env: { ...process.env, LC_ALL: 'C', TZ: 'UTC' } });
    return stdout;
  } catch (fault) {
    if (systemCodeOf(fault) !== 'ENOENT') throw fault;
    t.log(`${tool} is not installed: not checked with it`);
    return undefined;
  }
}
