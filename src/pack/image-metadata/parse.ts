import { parsePackageLine } from './os-package.ts';

/** A package of an image: name and version. */
export type Package = readonly [name: string, version: string];

/** What one md file of the vendor's image metadata says. */
export interface ImageMetadata {
  /** As the title has it, e.g. `demisto/python3`. */
  readonly image: string;
  readonly tag: string;
  /** Compressed, in bytes; the oldest files do not tell it. */
  readonly bytes: number | undefined;
  /** As an ISO time. */
  readonly created: string | undefined;
  /** The version of Python, e.g. `3.12.13`; undefined in images without one. */
  readonly python: string | undefined;
  readonly pythonPackages: readonly Package[];
  readonly osPackages: readonly Package[];
}

const title = /^# `([^`\s]+):([^`:\s]+)`[ \t]*$/m;
const sizeLine = /^- Image Size: `?(\d+(?:\.\d+)?) (B|KB|MB|GB)`?[ \t]*$/m;
const createdLine = /^- Created: `([^`\n]+)`/m;
const pythonLine = /^[ \t]+- `PYTHON_VERSION=([^`\s]+)`/m;

/** Units of 1,024, whatever their names say. */
const units: Readonly<Record<string, number>> = { B: 1, KB: 2 ** 10, MB: 2 ** 20, GB: 2 ** 30 };

/**
 * Reads one file; undefined when it is no image metadata. There are generations of them: the oldest tell no size, some
 * put it in backquotes, and some miss the line between the title and what follows.
 */
export function parseMetadata(text: string): ImageMetadata | undefined {
  const [, image, tag] = title.exec(text) ?? [];
  const sections = sectionsOf(text);
  const about = sections.get('Docker Metadata');
  if (image === undefined || tag === undefined || about === undefined) return undefined;
  return {
    ...{ image, tag },
    bytes: bytesIn(about),
    created: timeIn(about),
    python: pythonLine.exec(about)?.[1],
    pythonPackages: pythonPackagesIn(sections.get('Python Packages') ?? ''),
    osPackages: (sections.get('OS Packages') ?? '').split('\n').flatMap((line) => {
      const found = parsePackageLine(line);
      return found === undefined ? [] : [found];
    }),
  };
}

/** What stands below each heading of the second level. */
function sectionsOf(text: string): Map<string, string> {
  const [, ...parts] = text.replace(/\r\n/g, '\n').split(/^## /m);
  return new Map(
    parts.map((part) => {
      const end = part.indexOf('\n');
      const heading = end < 0 ? part : part.slice(0, end);
      return [heading.replaceAll('`', '').trim(), end < 0 ? '' : part.slice(end + 1)];
    }),
  );
}

function bytesIn(text: string): number | undefined {
  const [, number, unit = ''] = sizeLine.exec(text) ?? [];
  const factor = units[unit];
  if (number === undefined || factor === undefined) return undefined;
  const bytes = Math.round(Number(number) * factor);
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}

function timeIn(text: string): string | undefined {
  const time = Date.parse(createdLine.exec(text)?.[1] ?? '');
  return Number.isNaN(time) ? undefined : new Date(time).toISOString();
}

/** Each package has a heading with its name and a list of facts, one of which is the version. */
function pythonPackagesIn(text: string): Package[] {
  const [, ...parts] = text.split(/^### `/m);
  return parts.flatMap((part): Package[] => {
    const name = /^([^`\s]+)`/.exec(part)?.[1];
    const version = /^\* Version: (\S+)/m.exec(part)?.[1];
    return name === undefined || version === undefined ? [] : [[name, version]];
  });
}
