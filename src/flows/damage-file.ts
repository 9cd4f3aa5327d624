import { realpath } from 'node:fs/promises';
import path from 'node:path';
import type { BundleDamage } from '../core/damage.ts';
import { PackferryError } from '../core/errors.ts';
import { checkFilePlace } from '../bundle/file-place.ts';
import { isThere, writeFileWhole } from '../bundle/files.ts';
import { documentText } from '../bundle/document.ts';
import { damageReport } from './report.ts';
import { damageSchemaId, type DamageDocument } from '../schema/damage.ts';

/**
 * May a damage file be written there? Nothing is overwritten, since an older list might be carried back by mistake, and
 * nothing is written into the bundle. Throws `E_OUTPUT_EXISTS`, `E_OUTPUT_UNWRITABLE` or `E_USAGE`.
 */
export async function checkDamagePlace(file: string, bundle: string): Promise<void> {
  if (await isThere(file)) {
    throw new PackferryError('E_OUTPUT_EXISTS', `${file} is there already`, {
      hint: 'Give --damage the name of a new file, or remove this one.',
    });
  }
  await checkFilePlace(file);
  const folder = await realpath(path.dirname(file));
  // A bundle that is not there is told of by whoever opens it.
  const inside = path.relative(await realpath(bundle).catch(() => path.resolve(bundle)), folder);
  if (inside === '' || !(inside.split(path.sep)[0] === '..' || path.isAbsolute(inside))) {
    throw new PackferryError('E_USAGE', `${file} lies in the bundle, which is never changed`, {
      hint: 'Give --damage a file elsewhere.',
    });
  }
}

export interface DamageFacts {
  readonly now: Date;
  readonly tool: { readonly name: string; readonly version: string };
}

/** Writes down what is lost of a bundle. The file appears only when it is whole. */
export async function writeDamage(file: string, damage: BundleDamage, facts: DamageFacts): Promise<void> {
  const { name, version } = facts.tool;
  const document: DamageDocument = {
    schema: damageSchemaId,
    foundAt: facts.now.toISOString(),
    tool: { name, version },
    ...damageReport(damage),
  };
  await writeFileWhole(file, documentText(document), 0o644);
}
