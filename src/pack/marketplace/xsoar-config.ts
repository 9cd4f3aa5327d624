import path from 'node:path';
import type * as z from 'zod';
import { PackferryError } from '../../core/errors.ts';
import { limits } from '../../core/limits.ts';
import { isMapping, mappingOf } from '../../core/mapping.ts';
import { sumUp } from '../../core/sum-up.ts';
import { customEntrySchema, marketplaceEntrySchema, xsoarConfigSchema } from '../../schema/marketplace.ts';
import { parseJsonFile } from '../json-file.ts';
import { readFile } from '../read-file.ts';
import { anyVersion } from './find-version.ts';

/** A pack of one's own: on the disk or behind an address. */
export type CustomPack =
  | {
      readonly id: string;
      /** Absolute. */
      readonly path: string;
    }
  | {
      readonly id: string;
      /** `http:` or `https:`. */
      readonly url: string;
    };

export interface XsoarConfig {
  /** What `resolvePacks` takes, but for the wanted dependencies, of which such files do not tell. */
  readonly marketplacePacks: readonly { readonly pack: string; readonly version: string }[];
  readonly customPacks: readonly CustomPack[];
}

/** Where something stands in the file, as zod has it. */
type Place = readonly PropertyKey[];

/**
 * Reads the packs of an `xsoar_config.json`, the file that XSOAR's content management sets up servers with. Other keys
 * do not matter, nor do comments (`_comment`). Throws `E_MANIFEST_UNREADABLE`, or `E_MANIFEST_INVALID` with every mistake
 * at once; each names the file and the place in it.
 */
export async function readXsoarConfig(file: string): Promise<XsoarConfig> {
  const maxBytes = limits.xsoarConfig;
  const bytes = await readFile(file, { code: 'E_MANIFEST_UNREADABLE', maxBytes });
  const value = parseJsonFile(bytes, { name: file, code: 'E_MANIFEST_INVALID', maxBytes });
  const mistakes: PackferryError[] = [];
  const report = (place: Place, what: string): void => {
    mistakes.push(mistakeAt(file, place, what));
  };
  const lists = check(xsoarConfigSchema, value, [], report);
  const marketplacePacks = (lists?.marketplace_packs ?? []).flatMap((entry, at) => {
    if (isComment(entry)) return [];
    const read = check(marketplaceEntrySchema, entry, ['marketplace_packs', at], report);
    return read === undefined ? [] : [{ pack: read.id, version: versionOf(read.version) }];
  });
  const customPacks = (lists?.custom_packs ?? []).flatMap((entry, at) => {
    if (isComment(entry)) return [];
    const place = ['custom_packs', at];
    const read = check(customEntrySchema, entry, place, report);
    const pack = read && customPack(read, path.dirname(file), (what) => report([...place, 'url'], what));
    return pack === undefined ? [] : [pack];
  });
  if (mistakes.length > 0) throw sumUp('E_MANIFEST_INVALID', file, mistakes);
  return { marketplacePacks, customPacks };
}

/** The value as the schema has it; undefined when it does not fit, which is reported. */
function check<T>(
  schema: z.ZodType<T>,
  value: unknown,
  place: Place,
  report: (place: Place, what: string) => void,
): T | undefined {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  for (const { path: inner, message } of parsed.error.issues) {
    const [key] = inner;
    const isMissing = key !== undefined && isMapping(value) && mappingOf(value)[String(key)] === undefined;
    report([...place, ...inner], isMissing ? 'is missing' : message);
  }
  return undefined;
}

/** An entry that only says something to people. */
function isComment(entry: unknown): boolean {
  const keys = isMapping(entry) ? Object.keys(entry) : [];
  return keys.length > 0 && keys.every((key) => key === '_comment');
}

/** The scripts of XSOAR that install packs know both words for the current version. */
function versionOf(written: string | null | undefined): string {
  return written === 'latest' ? anyVersion : (written ?? anyVersion);
}

function customPack(
  { id, url }: z.infer<typeof customEntrySchema>,
  folder: string,
  report: (what: string) => void,
): CustomPack | undefined {
  const scheme = /^([A-Za-z][A-Za-z0-9+.-]*):\/\//.exec(url)?.[1];
  if (scheme === undefined) return { id, path: path.resolve(folder, url) };
  if (/^https?$/i.test(scheme) && URL.canParse(url)) return { id, url };
  report('is neither a path nor an http(s) address');
  return undefined;
}

function mistakeAt(file: string, place: Place, what: string): PackferryError {
  const where = place
    .map((part) => (typeof part === 'number' ? `[${part}]` : `.${String(part)}`))
    .join('')
    .replace(/^\./, '');
  const message = where === '' ? `${file}: ${what}` : `${file}: ${where}: ${what}`;
  return new PackferryError('E_MANIFEST_INVALID', message, {
    hint: 'It needs lists marketplace_packs ({"id", "version"}) and custom_packs ({"id", "url"}), or one of them.',
  });
}
