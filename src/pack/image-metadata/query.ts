import { PackferryError } from '../../core/errors.ts';
import {
  packageAt,
  placeCount,
  type IndexedImage,
  type IndexedPackage,
  type MetadataIndex,
  type PackageVersions,
} from './metadata-index.ts';

/** What is looked for; all of it must apply. */
export interface Query {
  /** `name`, `name==version` or `name==version.*`. */
  readonly pythonPackages: readonly string[];
  /** `name` or `name==version`, with or without the release of the distribution. */
  readonly osPackages: readonly string[];
  /** The first numbers of the version of Python. */
  readonly python?: string | undefined;
  /** A part of the image's name. */
  readonly name?: string | undefined;
  /** Parts of the name of the image or of a package of it. */
  readonly words: readonly string[];
}

/** A tag that fits, and the packages for which it does. */
export interface Match {
  readonly image: IndexedImage;
  readonly packages: readonly IndexedPackage[];
}

/** Tests a package, and then its versions. */
interface PackageTest {
  readonly isMeant: (candidate: PackageVersions) => boolean;
  readonly fits: (version: string) => boolean;
}

/** By place: 1 for what fits. */
type Places = Uint8Array;

const always = (): boolean => true;

/** Finds the tags that fit a query, in the order of the index. Throws `E_USAGE` for a condition that makes no sense. */
export function findImages(index: MetadataIndex, query: Query): Match[] {
  const required = [
    ...query.pythonPackages.map((text) => pythonTest(text)),
    ...query.osPackages.map((text) => osTest(text)),
  ].map((test) => placesOf(index, test));
  const words = query.words.map((text) => {
    const word = text.toLowerCase();
    const isMeant = ({ name }: PackageVersions): boolean => name.toLowerCase().includes(word);
    return { word, places: placesOf(index, { isMeant, fits: always }) };
  });
  const python = query.python === undefined ? undefined : numbersOf(query.python, '--python');
  const part = query.name?.toLowerCase() ?? '';

  return index.images.flatMap((image) => {
    const name = image.image.toLowerCase();
    if (!name.includes(part)) return [];
    if (python !== undefined && !startsWith(image.python, python)) return [];
    const found = new Set<number>();
    const has = (places: Places): boolean => {
      const hits = image.packages.filter((place) => places[place] === 1);
      for (const place of hits) found.add(place);
      return hits.length > 0;
    };
    if (!required.every(has)) return [];
    if (!words.every(({ word, places }) => name.includes(word) || has(places))) return [];
    return [{ image, packages: [...found].flatMap((place) => packageAt(index, place) ?? []) }];
  });
}

function placesOf(index: MetadataIndex, { isMeant, fits }: PackageTest): Places {
  const places = new Uint8Array(placeCount(index));
  for (const candidate of index.packages) {
    if (!isMeant(candidate)) continue;
    for (const [at, version] of candidate.versions.entries()) {
      if (fits(version)) places[candidate.first + at] = 1;
    }
  }
  return places;
}

function pythonTest(text: string): PackageTest {
  const [wantedName, version] = split(text, '--python-package');
  const name = normalised(wantedName);
  return {
    isMeant: (candidate) => candidate.kind === 'python' && normalised(candidate.name) === name,
    fits: version === undefined ? always : versionTest(version),
  };
}

/** Python's packages have one name for `PyYAML`, `pyyaml` and `Py_YAML` (PEP 503). */
function normalised(name: string): string {
  return name.toLowerCase().replace(/[-_.]+/g, '-');
}

/** `2.31` is `2.31.0`, `2.31.*` is every version that begins so (PEP 440, "Version matching"). */
function versionTest(wanted: string): (version: string) => boolean {
  const prefix = wanted.endsWith('.*') ? wanted.slice(0, -2) : undefined;
  const plain = (version: string): string => version.toLowerCase().replace(/(?:\.0+)+$/, '');
  if (prefix === undefined) return (version) => plain(version) === plain(wanted);
  return (version) => version === prefix || version.startsWith(`${prefix}.`);
}

function osTest(text: string): PackageTest {
  const [name, version] = split(text, '--os-package');
  return {
    isMeant: (candidate) => candidate.kind === 'os' && candidate.name === name,
    fits: version === undefined ? always : (candidate) => osVersions(candidate).includes(version),
  };
}

/** A version of a distribution in the ways in which people name it: whole, without epoch, without release. */
function osVersions(version: string): string[] {
  const noEpoch = version.replace(/^\d+:/, '');
  return [version, noEpoch, noEpoch.replace(/-[^-]*$/, '')];
}

function split(text: string, option: string): [name: string, version: string | undefined] {
  const match = /^([^\s=<>!~]+)(?:==([^\s=<>!~]+))?$/.exec(text);
  const [, name, version] = match ?? [];
  if (name === undefined) {
    throw new PackferryError('E_USAGE', `${option}: ${JSON.stringify(text)} is no package`, {
      hint: 'Write it as NAME or NAME==VERSION.',
    });
  }
  return [name, version];
}

function numbersOf(text: string, option: string): string[] {
  if (!/^\d+(?:\.\d+){0,3}$/.test(text)) {
    throw new PackferryError('E_USAGE', `${option}: ${JSON.stringify(text)} is no version`, {
      hint: 'Write it in numbers, for instance 3.12.',
    });
  }
  return text.split('.');
}

function startsWith(version: string | undefined, numbers: readonly string[]): boolean {
  const parts = version?.split('.') ?? [];
  return numbers.every((number, at) => parts[at] === number);
}
