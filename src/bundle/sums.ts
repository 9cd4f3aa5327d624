import { PackferryError } from '../core/errors.ts';
import { bundleFiles } from './names.ts';

/** sha256 in hex by file name. */
export type Sums = ReadonlyMap<string, string>;

/** Writes the list as `sha256sum` does: 64 hex digits, two spaces, name; sorted by the bytes of the name. */
export function formatSums(sums: Sums): string {
  return [...sums.keys()]
    .sort(byBytes)
    .map((name) => `${sums.get(name) ?? ''}  ${name}\n`)
    .join('');
}

/**
 * Reads SHA256SUMS, strictly: `sha256sum -c` passes over malformed lines, follows links and accepts absolute paths, so
 * nothing but the form that we write is taken. Throws `E_BUNDLE_MALFORMED` with the line.
 */
export function parseSums(text: string): Sums {
  const sums = new Map<string, string>();
  if (!text.endsWith('\n')) throw malformed(1, 'the list does not end with a line feed');
  const folded = new Set<string>();
  let previous: string | undefined;
  for (const [index, line] of text.slice(0, -1).split('\n').entries()) {
    const [, hex, name] =
      /^([0-9a-f]{64}) {2}((?:packs\/)?[A-Za-z0-9_][A-Za-z0-9._-]{0,254})$/.exec(line) ?? [];
    if (hex === undefined || name === undefined)
      throw malformed(index + 1, 'no "sha256, two spaces, file name"');
    if (previous !== undefined && byBytes(previous, name) >= 0)
      throw malformed(index + 1, 'not sorted, or a name twice');
    // On FAT and exFAT they would be one file.
    if (folded.size === folded.add(name.toLowerCase()).size)
      throw malformed(index + 1, 'a name that differs from another one only by case');
    if (name.toUpperCase().startsWith(bundleFiles.sums))
      throw malformed(index + 1, 'the list cannot cover itself or its signatures');
    sums.set(name, hex);
    previous = name;
  }
  return sums;
}

function byBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

function malformed(line: number, why: string): PackferryError {
  return new PackferryError('E_BUNDLE_MALFORMED', `${bundleFiles.sums}:${line}: ${why}`);
}
