import type { ImageMetadata } from './parse.ts';

export type PackageKind = 'python' | 'os';

/** A package, by whichever manager. */
export interface IndexedPackage {
  readonly kind: PackageKind;
  readonly name: string;
  readonly version: string;
}

/** A package in all its versions. The place of a version is `first` and its number in the list. */
export interface PackageVersions {
  readonly kind: PackageKind;
  readonly name: string;
  readonly first: number;
  readonly versions: readonly string[];
}

/** One tag of an image. */
export interface IndexedImage extends Pick<ImageMetadata, 'image' | 'tag' | 'bytes' | 'created' | 'python'> {
  /** Places of the versions that it has: see `PackageVersions`. */
  readonly packages: Uint32Array;
}

/**
 * What a folder of image metadata says, made for searching: there are far fewer names than versions and far fewer
 * versions than packages in images, so names are looked at once each.
 */
export interface MetadataIndex {
  /** By place, with no gap between them. */
  readonly packages: readonly PackageVersions[];
  readonly images: readonly IndexedImage[];
  /** Files that are no image metadata: how many, and the first of them. */
  readonly skipped: number;
  readonly skippedNames: readonly string[];
}

/** The number of versions, and so of places. */
export function placeCount({ packages }: Pick<MetadataIndex, 'packages'>): number {
  const last = packages.at(-1);
  return last === undefined ? 0 : last.first + last.versions.length;
}

/** The version with this place; undefined when there is none. */
export function packageAt({ packages }: MetadataIndex, place: number): IndexedPackage | undefined {
  let [low, high] = [0, packages.length];
  while (high - low > 1) {
    const middle = (low + high) >>> 1;
    if ((packages[middle]?.first ?? 0) <= place) low = middle;
    else high = middle;
  }
  const found = packages[low];
  const version = found?.versions[place - found.first];
  return found === undefined || version === undefined
    ? undefined
    : { kind: found.kind, name: found.name, version };
}

const namesKept = 3;

/** Collects metadata into an index. */
export class IndexBuilder {
  /** By kind and name, for each version a number in the order in which they came. */
  readonly #packages = new Map<string, Map<string, number>>();
  readonly #images = new Map<string, IndexedImage>();
  readonly #skippedNames: string[] = [];
  #skipped = 0;
  #versions = 0;

  /** A later file on the same tag counts no more: `last.md` repeats the newest one. */
  add({ image, tag, bytes, created, python, pythonPackages, osPackages }: ImageMetadata): void {
    const key = `${image}:${tag}`;
    if (this.#images.has(key)) return;
    const packages = Uint32Array.from([
      ...pythonPackages.map(([name, version]) => this.#numberOf('python', name, version)),
      ...osPackages.map(([name, version]) => this.#numberOf('os', name, version)),
    ]);
    this.#images.set(key, { image, tag, bytes, created, python, packages });
  }

  skip(file: string): void {
    this.#skipped += 1;
    if (this.#skippedNames.length < namesKept) this.#skippedNames.push(file);
  }

  finish(): MetadataIndex {
    const places = new Uint32Array(this.#versions);
    const packages: PackageVersions[] = [];
    let first = 0;
    for (const [key, numbers] of this.#packages) {
      const [kind, name = ''] = key.split(' ');
      packages.push({
        kind: kind === 'python' ? 'python' : 'os',
        name,
        first,
        versions: [...numbers.keys()],
      });
      for (const number of numbers.values()) {
        places[number] = first;
        first += 1;
      }
    }
    const images = [...this.#images.values()].map((image) => {
      return { ...image, packages: image.packages.map((number) => places[number] ?? 0) };
    });
    return { packages, images, skipped: this.#skipped, skippedNames: this.#skippedNames };
  }

  /** No name has a space in it: see `parseMetadata`. */
  #numberOf(kind: PackageKind, name: string, version: string): number {
    const key = `${kind} ${name}`;
    const numbers = this.#packages.get(key) ?? new Map<string, number>();
    this.#packages.set(key, numbers);
    const known = numbers.get(version);
    if (known !== undefined) return known;
    numbers.set(version, this.#versions);
    this.#versions += 1;
    return this.#versions - 1;
  }
}
