import {
  composedBlobs,
  composeImage,
  type ComposedImage,
  type ComposedLayer,
} from '../../demo/sample-images.ts';
import { defaultPlatform } from '../../../src/core/platform.ts';
import { pushImage } from '../../../test/helpers/push-image.ts';
import { gzipLayer } from './content.ts';

/** An image in a registry of 127.0.0.1. */
export interface PushedImage {
  /** `demisto/python3`. */
  readonly repository: string;
  readonly tag: string;
}

export interface PushedSet {
  readonly images: readonly PushedImage[];
  /** Bytes of all blobs, each once: layers, configurations and manifests. */
  readonly uniqueBytes: number;
  readonly blobs: number;
  /** The layers, the largest first, each with a repository that has it. */
  readonly layers: readonly { readonly repository: string; readonly digest: string; readonly size: number }[];
}

const debian = { os: 28, certificates: 3 };
const alpine = { alpine: 3.5, 'alpine-python': 15 };
const python311 = { ...debian, 'python-3.11': 17 };
const python312 = { ...debian, 'python-3.12': 18 };
const crypto = { ...python312, crypto: 11 };

/** One more image on a base that the nine have. */
export const newImage = { 'python3:3.12.12.100010': { ...python312, 'python3-c': 9 } } as const;

/** Nine images on few bases, as the vendor builds them: layer by layer, with the compressed size in MB. */
export const nineImages: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  'python3:3.11.11.100001': { ...python311, 'python3-a': 9 },
  'python3:3.12.12.100002': { ...python312, 'python3-b': 9 },
  'boto3py3:1.0.0.100003': { ...python311, boto3: 21 },
  'crypto:1.0.0.100004': { ...crypto, ciphers: 8 },
  'pandas:1.0.0.100005': { ...crypto, pandas: 59 },
  'chromium:1.0.0.100006': { ...python312, chromium: 78, fonts: 6 },
  'py3-tools:1.0.0.100007': { ...alpine, tools: 24 },
  'taxii2:1.0.0.100008': { ...alpine, taxii2: 12 },
  'auth-utils:1.0.0.100009': { ...alpine, auth: 5 },
};

/** Makes images of layers with these sizes; layers of the same name are the same. */
export async function makeImages(
  wanted: Readonly<Record<string, Readonly<Record<string, number>>>> = nineImages,
): Promise<ReadonlyMap<string, ComposedImage>> {
  const made = new Map<string, Promise<ComposedLayer>>();
  const layerFor = async (name: string, megabytes: number): Promise<ComposedLayer> => {
    const layer = made.get(name) ?? gzipLayer(name, megabytes * 1e6);
    made.set(name, layer);
    return layer;
  };
  const named = new Map<string, ComposedImage>();
  for (const [name, parts] of Object.entries(wanted)) {
    const own = await Promise.all(Object.entries(parts).map(([part, size]) => layerFor(part, size)));
    named.set(`demisto/${name}`, imageOf(name, own));
  }
  return named;
}

/** Makes the nine images, some 326 MB of blobs, and pushes them to a registry. */
export async function pushImages(host: string): Promise<PushedSet> {
  const pushed: PushedImage[] = [];
  const sizes = new Map<string, number>();
  const layers = new Map<string, PushedSet['layers'][number]>();
  for (const [name, image] of await makeImages()) {
    const [repository = '', tag = ''] = name.split(':');
    await pushImage(host, repository, tag, image);
    pushed.push({ repository, tag });
    for (const { descriptor } of composedBlobs(image)) sizes.set(descriptor.digest, descriptor.size);
    for (const { descriptor } of image.layers) layers.set(descriptor.digest, { repository, ...descriptor });
  }
  return {
    images: pushed,
    uniqueBytes: [...sizes.values()].reduce((sum, size) => sum + size, 0),
    blobs: sizes.size,
    layers: [...layers.values()].sort((a, b) => b.size - a.size),
  };
}

/** An image of these layers and a small one of its own. */
export function imageOf(name: string, layers: readonly ComposedLayer[]): ComposedImage {
  const base = { layers, platform: defaultPlatform, settings: {} };
  return composeImage({ base, files: [{ path: 'etc/image', content: `${name}\n` }] });
}
