import { metadataIndexSchemaId, type MetadataIndexDocument } from '../../schema/metadata-index.ts';
import type { ImageMetadata } from './parse.ts';

/** A package, by whichever manager. */
export interface IndexedPackage {
  readonly kind: 'python' | 'os';
  readonly name: string;
  readonly version: string;
}

/** One tag of an image. */
export interface IndexedImage extends Pick<ImageMetadata, 'image' | 'tag' | 'bytes' | 'created' | 'python'> {
  /** Places of its packages in `MetadataIndex.packages`. */
  readonly packages: Uint32Array;
}

/** What a folder of image metadata says, made for searching: each package of each version stands in it once. */
export interface MetadataIndex {
  readonly packages: readonly IndexedPackage[];
  readonly images: readonly IndexedImage[];
  /** Files that are no image metadata: how many, and the first of them. */
  readonly skipped: number;
  readonly skippedNames: readonly string[];
}

const namesKept = 3;

/** Collects metadata into an index. */
export class IndexBuilder {
  readonly #places = new Map<string, number>();
  readonly #packages: IndexedPackage[] = [];
  readonly #images = new Map<string, IndexedImage>();
  readonly #skippedNames: string[] = [];
  #skipped = 0;

  /** A later file on the same tag counts no more: `last.md` repeats the newest one. */
  add({ image, tag, bytes, created, python, pythonPackages, osPackages }: ImageMetadata): void {
    const key = `${image}:${tag}`;
    if (this.#images.has(key)) return;
    const packages = Uint32Array.from([
      ...pythonPackages.map(([name, version]) => this.#placeOf({ kind: 'python', name, version })),
      ...osPackages.map(([name, version]) => this.#placeOf({ kind: 'os', name, version })),
    ]);
    this.#images.set(key, { image, tag, bytes, created, python, packages });
  }

  skip(file: string): void {
    this.#skipped += 1;
    if (this.#skippedNames.length < namesKept) this.#skippedNames.push(file);
  }

  finish(): MetadataIndex {
    return {
      packages: this.#packages,
      images: [...this.#images.values()],
      skipped: this.#skipped,
      skippedNames: this.#skippedNames,
    };
  }

  #placeOf(found: IndexedPackage): number {
    const key = `${found.kind} ${found.name} ${found.version}`;
    const known = this.#places.get(key);
    if (known !== undefined) return known;
    this.#places.set(key, this.#packages.length);
    return this.#packages.push(found) - 1;
  }
}

/** An index as it is kept in a file. */
export function toDocument(index: MetadataIndex, folder: string, fingerprint: string): MetadataIndexDocument {
  const contents = Buffer.alloc(4 * index.images.reduce((sum, { packages }) => sum + packages.length, 0));
  let at = 0;
  for (const { packages } of index.images)
    for (const place of packages) at = contents.writeUInt32LE(place, at);
  return {
    schema: metadataIndexSchemaId,
    ...{ folder, fingerprint },
    packages: lines(index.packages.map(({ kind, name, version }) => [kind, name, version])),
    images: lines(
      index.images.map(({ image, tag, bytes, created, python, packages }) => {
        return [image, tag, String(bytes ?? ''), created ?? '', python ?? '', String(packages.length)];
      }),
    ),
    contents: contents.toString('base64'),
    skipped: index.skipped,
    skippedNames: [...index.skippedNames],
  };
}

/** No field has white space in it: see `parseMetadata`. */
function lines(rows: readonly (readonly string[])[]): string {
  return rows.map((row) => row.join('\t')).join('\n');
}

/** The index out of its file; undefined when its parts do not fit together. */
export function fromDocument(document: MetadataIndexDocument): MetadataIndex | undefined {
  const packages = rowsOf(document.packages).map(([kind, name = '', version = '']): IndexedPackage => {
    return { kind: kind === 'python' ? 'python' : 'os', name, version };
  });
  const contents = Buffer.from(document.contents, 'base64');
  const places = new Uint32Array(Math.floor(contents.length / 4));
  for (let at = 0; at < places.length; at += 1) places[at] = contents.readUInt32LE(4 * at);
  if (places.some((place) => place >= packages.length)) return undefined;
  let start = 0;
  const images = rowsOf(document.images).map((row): IndexedImage => {
    const [image = '', tag = '', bytes = '', created = '', python = '', count = ''] = row;
    const end = start + Number(count);
    const own = places.subarray(start, end);
    start = end;
    const size = bytes === '' ? undefined : Number(bytes);
    return {
      image,
      tag,
      bytes: size,
      created: created || undefined,
      python: python || undefined,
      packages: own,
    };
  });
  if (start !== places.length) return undefined;
  const { skipped, skippedNames } = document;
  return { packages, images, skipped, skippedNames };
}

function rowsOf(text: string): string[][] {
  return text === '' ? [] : text.split('\n').map((line) => line.split('\t'));
}
