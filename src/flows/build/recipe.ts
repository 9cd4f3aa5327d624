import { asPackferryError, PackferryError } from '../../core/errors.ts';
import { limits } from '../../core/limits.ts';
import { parseReference, tagNameOf, type ImageReference } from '../../core/reference.ts';
import { sumUp } from '../../core/sum-up.ts';
import { indexUrl, type IndexUrl } from './index-url.ts';
import { checkOsPackage, packageManagers, type PackageManager } from './os-package.ts';
import { parseRequirement, type Requirement } from './requirement.ts';
import { readRequirementsFile } from './requirements-file.ts';
import { readWheels, type Wheel } from './wheels.ts';

/** What an image is to be built from, every value checked. */
export interface BuildRecipe {
  /** With a tag. */
  readonly reference: ImageReference;
  readonly base: ImageReference;
  readonly python: readonly Requirement[];
  readonly packages: readonly string[];
  /** What installs the packages; absent: what the base says that it is. */
  readonly packageManager?: PackageManager;
  /** Python packages come out of these alone; absent: from an index. */
  readonly wheels?: readonly Wheel[];
  /** Absent: the one that pip of the base is set to. */
  readonly index?: IndexUrl;
  /** Asks in the end whether what is installed fits together. */
  readonly checks: boolean;
}

/** The same as somebody wrote it. */
export interface WrittenRecipe {
  /** `NAME[:TAG]`; without a tag `latest`. */
  readonly name: string;
  readonly base: string;
  readonly python: readonly string[];
  /** Requirements files of pip. */
  readonly requirements: readonly string[];
  readonly packages: readonly string[];
  readonly packageManager?: string;
  /** A folder. */
  readonly wheels?: string;
  readonly indexUrl?: string;
  readonly checks: boolean;
}

/** The base of the vendor's own command where none is named (Administrator Guide, "Create a Docker Image"). */
export const defaultBase = 'demisto/python3-deb';

/** Reads and checks all of a recipe. Throws `E_BUILD_INVALID` with everything that is wrong. */
export async function readRecipe(written: WrittenRecipe, signal: AbortSignal): Promise<BuildRecipe> {
  const faults: PackferryError[] = [];
  const attempt = async <T>(work: () => T | Promise<T>): Promise<T | undefined> => {
    try {
      return await work();
    } catch (fault) {
      signal.throwIfAborted();
      faults.push(asPackferryError(fault));
      return undefined;
    }
  };
  const reference = await attempt(() => namedReference(written.name));
  const base = await attempt(() => parseReference(written.base));
  const python: Requirement[] = [];
  for (const text of written.python) python.push(...((await attempt(() => [parseRequirement(text)])) ?? []));
  for (const file of written.requirements)
    python.push(...((await attempt(() => readRequirementsFile(file))) ?? []));
  const manager = await attempt(() => managerNamed(written.packageManager));
  for (const text of written.packages) await attempt(() => checkOsPackage(text, manager));
  const dir = written.wheels;
  const wheels = dir === undefined ? undefined : await attempt(() => readWheels(dir, signal));
  const url = written.indexUrl;
  const index = url === undefined ? undefined : await attempt(() => indexUrl(url));
  await attempt(() => checkWhole(written, python));
  if (reference === undefined || base === undefined || faults.length > 0)
    throw sumUp('E_BUILD_INVALID', written.name, faults);
  return {
    ...{ reference, base, packages: unique(written.packages), checks: written.checks },
    python: [...new Map(python.map((one) => [one.text, one])).values()],
    ...(manager === undefined ? {} : { packageManager: manager }),
    ...(wheels === undefined ? {} : { wheels }),
    ...(index === undefined ? {} : { index }),
  };
}

function unique(texts: readonly string[]): readonly string[] {
  return [...new Set(texts)];
}

function namedReference(name: string): ImageReference {
  const reference = parseReference(name);
  if (reference.digest === undefined && tagNameOf(reference) !== undefined) return reference;
  throw new PackferryError('E_BUILD_INVALID', `${name}: an image that is still to be built has no digest`, {
    hint: 'Name it NAME[:TAG].',
  });
}

function managerNamed(text: string | undefined): PackageManager | undefined {
  if (text === undefined) return undefined;
  const manager = packageManagers.find((one) => one === text);
  if (manager !== undefined) return manager;
  throw new PackferryError('E_BUILD_INVALID', `${JSON.stringify(text)} is no package manager`, {
    hint: `There are ${packageManagers.join(', ')}.`,
  });
}

/** Checks what the parts of a recipe have to do with each other. */
function checkWhole(
  { name, packages, wheels, indexUrl: url, ...given }: WrittenRecipe,
  python: readonly Requirement[],
): void {
  const wrong = (message: string, hint: string): PackferryError =>
    new PackferryError('E_BUILD_INVALID', message, { hint });
  const asksForPython = given.python.length > 0 || given.requirements.length > 0;
  if (!asksForPython && packages.length === 0)
    throw wrong(
      `${name}: nothing is to be installed`,
      "Name Python packages (--python 'requests==2.32.3', --requirements FILE) or packages of the system (--package libxml2).",
    );
  if (wheels !== undefined && !asksForPython)
    throw wrong(
      `${name}: nothing is to be installed from ${wheels}`,
      'Name what: --python or --requirements.',
    );
  if (wheels !== undefined && url !== undefined)
    throw wrong('--wheels and --index-url exclude each other', 'With --wheels no index is asked.');
  const most = limits.builtPackages;
  if (python.length > most || packages.length > most)
    throw wrong(`${name}: more than ${most} packages are named`, 'Name only what is imported.');
  const bare = python.filter(({ hashes }) => hashes.length === 0).map(({ text }) => text);
  if (bare.length > 0 && bare.length < python.length)
    throw wrong(
      `${name}: some requirements have hashes, ${bare.join(', ')} not`,
      'pip wants hashes of all or of none: put all into the file, and write it with "pip-compile --generate-hashes".',
    );
}
