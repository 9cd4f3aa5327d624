import { createCipheriv, createHash } from 'node:crypto';
import { formatReference, nameOf, parseReference } from '../../src/core/reference.ts';
import { composeImage, type ComposedImage } from './compose-image.ts';

export {
  composedBlobs,
  composeImage,
  composeIndex,
  layersOf,
  type ComposedBlob,
  type ComposedImage,
  type ComposedIndex,
  type ComposedLayer,
  type ComposeOptions,
  type ImageFile,
} from './compose-image.ts';
export { writeOciLayout, type NamedImage } from './write-oci-layout.ts';

const kib = 1024;

/** A composed image under its fully qualified name. */
export interface SampleImage {
  readonly reference: string;
  readonly image: ComposedImage;
}

export interface SampleOptions {
  /** A static busybox: with it the images run. */
  readonly busybox?: Buffer;
}

/**
 * One image per reference, related as the real ones are: all stand on one system layer; PowerShell images share a
 * runtime layer and all others a Python layer. The same references give the same bytes.
 */
export function sampleImagesFor(references: readonly string[], options: SampleOptions = {}): SampleImage[] {
  const system = composeImage({
    files: [
      { path: 'etc/os-release', content: 'ID=sample\nPRETTY_NAME="Sample system"\n' },
      { path: 'usr/lib/system.bin', content: noise('system', 300 * kib) },
    ],
    ...(options.busybox === undefined ? {} : { busybox: options.busybox }),
  });
  const python = composeImage({
    base: system,
    files: [{ path: 'usr/local/lib/python3.bin', content: noise('python', 400 * kib) }],
  });
  const powershell = composeImage({
    base: system,
    files: [{ path: 'opt/microsoft/powershell.bin', content: noise('powershell', 350 * kib) }],
  });
  return references.map((text) => {
    const reference = parseReference(text);
    const name = formatReference(reference);
    const base = /powershell|pwsh/.test(nameOf(reference)) ? powershell : python;
    const files = [{ path: 'usr/share/sample/content.bin', content: noise(name, sizeFor(name)) }];
    const cmd = ['/bin/sh', '-c', `echo ${name} runs`];
    return { reference: name, image: composeImage({ base, files, config: { cmd } }) };
  });
}

/** Bytes that do not compress, the same for the same seed. */
export function noise(seed: string, size: number): Buffer {
  const key = createHash('sha256').update(seed).digest();
  return createCipheriv('aes-256-ctr', key, Buffer.alloc(16)).update(Buffer.alloc(size));
}

/** 100 to 227 KiB, by name. */
function sizeFor(name: string): number {
  return (100 + (createHash('sha256').update(name).digest()[0] ?? 0) / 2) * kib;
}
