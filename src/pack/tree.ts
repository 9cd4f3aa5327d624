import type { Place } from './layout.ts';

/** A folder of the file system or in an archive. */
export interface TreeFolder extends Place {
  readonly kind: 'folder';
  readonly name: string;
  /** What is in it, sorted by name. */
  entries(): Promise<readonly TreeEntry[]>;
}

export interface TreeFile extends Place {
  readonly kind: 'file';
  readonly name: string;
  /** Says that the file is wanted, up to a limit in bytes. The answer reads it. */
  take(maxBytes: number): (signal?: AbortSignal) => Promise<Uint8Array>;
}

/** A symbolic link, a device and the like: never followed, never read. */
export interface TreeOddity extends Place {
  readonly kind: 'link' | 'other';
  readonly name: string;
}

export type TreeEntry = TreeFolder | TreeFile | TreeOddity;

const yamlName = /\.ya?ml$/i;
const archiveName = /\.(?:zip|tar|tgz|tar\.gz)$/i;

/** Is this the name of a file that may be an item? */
export function isYamlName(name: string): boolean {
  return yamlName.test(name);
}

/** Is this the name of an archive that may hold packs? */
export function isArchiveName(name: string): boolean {
  return archiveName.test(name);
}

/** The name without the endings of YAML files and archives. */
export function bareName(name: string): string {
  const bare = name.replace(archiveName, '').replace(yamlName, '');
  return bare === '' ? name : bare;
}
