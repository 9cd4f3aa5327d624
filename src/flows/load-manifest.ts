import path from 'node:path';
import { PackferryError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import { mappingOf } from '../core/mapping.ts';
import { sumUp } from '../core/sum-up.ts';
import { parseYaml, type YamlFile } from '../core/yaml.ts';
import { decodeText, readFile } from '../pack/read-file.ts';
import { nearestSibling } from '../pack/siblings.ts';
import { exportManifestSchema, exportSchemaId } from '../schema/export-manifest.ts';
import { meaningMistakes } from './load-manifest-meaning.ts';
import { errorsOf, formatPath } from './load-manifest-mistakes.ts';
import { resolveManifest } from './load-manifest-resolve.ts';
import { schemaMistakes } from './load-manifest-schema.ts';
import type { ExportManifest } from './manifest.ts';

export interface LoadOptions {
  /** What `~/` stands for in paths. */
  readonly home?: string;
}

/**
 * Reads an export manifest. Throws `E_MANIFEST_UNREADABLE`, or `E_MANIFEST_INVALID` with every mistake at once in
 * `.errors`, each with file, line and column.
 */
export async function loadExportManifest(given: string, options: LoadOptions = {}): Promise<ExportManifest> {
  const file = parseYaml(await readText(given), {
    name: given,
    code: 'E_MANIFEST_INVALID',
    maxBytes: limits.exportManifest,
  });
  const bases = { folder: path.dirname(path.resolve(given)), home: options.home };
  refuseNewer(file);
  const wrongShape = schemaMistakes(exportManifestSchema, file.value);
  const places = new Set(wrongShape.map((mistake) => formatPath(mistake.path)));
  const wrongMeaning = meaningMistakes(file.value, bases).filter(
    ({ path: at }) => !places.has(formatPath(at)),
  );
  const errors = errorsOf(file, [...wrongShape, ...wrongMeaning]);
  if (errors.length > 0) throw sumUp('E_MANIFEST_INVALID', given, errors);
  return resolveManifest(file, bases);
}

async function readText(given: string): Promise<string> {
  const code = 'E_MANIFEST_UNREADABLE';
  try {
    return decodeText(await readFile(given, { code, maxBytes: limits.exportManifest }), given, code);
  } catch (fault) {
    if (!(fault instanceof PackferryError) || fault.hint !== undefined) throw fault;
    const near = await nearestSibling(given);
    const isNear = near !== undefined && path.resolve(near) !== path.resolve(given);
    const hint = isNear ? `Did you mean ${near}?` : 'Name the YAML file of an export manifest.';
    throw new PackferryError(code, fault.message, { hint, cause: fault.cause });
  }
}

/** Nothing else is said of a manifest that follows rules which this version does not know. */
function refuseNewer(file: YamlFile): void {
  const written = mappingOf(file.value)['schema'];
  const version = /^packferry\.export\/v([0-9]+)$/.exec(String(written))?.[1];
  if (version === undefined || Number(version) <= 1) return;
  const { line, column } = file.locate(['schema']);
  throw new PackferryError(
    'E_MANIFEST_INVALID',
    `${file.name}:${line}:${column}: ${String(written)} is newer than this packferry, which reads ${exportSchemaId}`,
    { hint: 'Install a newer packferry.' },
  );
}
