import { isUtf8 } from 'node:buffer';
import { stat } from 'node:fs/promises';
import { limits } from '../core/limits.ts';
import { readFile } from '../pack/read-file.ts';
import { exportManifestSchema } from '../schema/export-manifest.ts';

/**
 * What somebody has given instead of a pack: an export manifest, the file that servers are set up with, or (`neither`)
 * a file with such a name that is no integration or script either. `missing` is not there.
 */
export type GivenFile = 'manifest' | 'xsoar-config' | 'content' | 'neither' | 'missing';

const manifestMark = /(?:^|[{,]\s*)["']?schema["']?\s*:\s*["']?packferry\.export\//m;
const manifestKey = keyPattern(Object.keys(exportManifestSchema.shape).filter((key) => key !== 'name'));
const xsoarConfigKey = keyPattern(['marketplace_packs', 'custom_packs']);
const itemKey = /^["']?script\b/m;

/**
 * Tells by the content of a file: a manifest has the keys of manifests in it, be the rest as wrong as it may, since its
 * mistakes are to be told as mistakes of a manifest. Everything that is no yml or JSON file counts as content.
 */
export async function kindOfFile(file: string): Promise<GivenFile> {
  if (!/\.(?:ya?ml|json)$/i.test(file)) return 'content';
  const stats = await stat(file).catch(() => undefined);
  if (stats === undefined) return 'missing';
  if (!stats.isFile()) return 'content';
  // One that is too large or cannot be read is named by whoever reads it as what it is.
  const options = { code: 'E_MANIFEST_UNREADABLE', maxBytes: limits.itemYaml } as const;
  const bytes = await readFile(file, options).catch(() => undefined);
  if (bytes === undefined) return 'manifest';
  // Whoever reads content says that it is no text.
  if (!isUtf8(bytes)) return 'content';
  const text = bytes.toString('utf8').replace(/^\uFEFF/, '');
  if (manifestMark.test(text)) return 'manifest';
  if (itemKey.test(text)) return 'content';
  if (xsoarConfigKey.test(text)) return 'xsoar-config';
  return manifestKey.test(text) ? 'manifest' : 'neither';
}

/** A key of the outermost mapping: at the start of a line, or in JSON behind what opens or separates. */
function keyPattern(keys: readonly string[]): RegExp {
  return new RegExp(`(?:^|[{,]\\s*)["']?(?:${keys.join('|')})["']?\\s*:`, 'm');
}
