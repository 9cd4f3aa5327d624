import { realpath, stat } from 'node:fs/promises';
import { readUnbelieved } from '../../bundle/folder-source.ts';
import { readDocument } from '../../bundle/read-document.ts';
import { asPackferryError, PackferryError, systemCodeOf } from '../../core/errors.ts';
import { parseStrictJson } from '../../core/json.ts';
import { limits } from '../../core/limits.ts';
import { readFile } from '../../pack/read-file.ts';
import { bundleSchemaId } from '../../schema/bundle.ts';
import { damageSchemaId } from '../../schema/damage.ts';
import { receiptSchemaId } from '../../schema/receipt.ts';
import { parseEndpointUrl, type EndpointRole } from '../endpoint-url.ts';
import { baseInvalid, type Base } from './base.ts';
import { baseOfBundle } from './bundle.ts';
import { baseOfInventory } from './inventory.ts';
import { baseOfReceipt } from './receipt.ts';
import { baseOfDamage } from './remains.ts';

const role: EndpointRole<'bundle'> = {
  noun: 'base',
  schemes: ['bundle'],
  examples: 'Give the folder of a bundle, a receipt, or what "packferry inventory -o" wrote.',
};

/** What an export is told of the far side. */
export interface BasesGiven {
  /** Bundles, receipts and inventories: what is in all of them is there. */
  readonly base?: readonly string[];
  /** A damage file: what is intact of that bundle will be at hand. */
  readonly repair?: string;
  /** The folder that becomes the bundle. */
  readonly output?: string;
}

/**
 * Reads what an export is to build on. Nobody has to have signed it: where it says too much, the import names what is missing.
 * Throws `E_BASE_INVALID` for the first that cannot be used, and `E_USAGE` for one that is the output itself.
 */
export async function readBases({ base = [], repair, output }: BasesGiven): Promise<Base[]> {
  const bases: Base[] = [];
  // What will surely be at hand counts before what ought to be there.
  if (repair !== undefined) bases.push(await readRemains(repair));
  for (const given of base) bases.push(await readBase(given, output));
  return bases;
}

async function readBase(given: string, output: string | undefined): Promise<Base> {
  // A single letter before a colon is a drive of Windows.
  const place = /^[a-z-]{2,}:/i.test(given) ? parseEndpointUrl(given, role).rest : given;
  if (output !== undefined && (await isSame(place, output))) {
    throw new PackferryError('E_USAGE', `${given} is the folder that is to be written`, {
      hint: 'Give the new bundle a folder of its own.',
    });
  }
  return reading(given, async () => {
    const isFolder = await stat(place).then(
      (stats) => stats.isDirectory(),
      () => false,
    );
    if (isFolder) return baseOfBundle(given, await readUnbelieved(place));
    const { value, bytes, schema } = await readJson(place);
    if (schema === bundleSchemaId) return baseOfBundle(given, readDocument(bytes).document);
    if (schema === receiptSchemaId) return baseOfReceipt(given, value);
    if (schema === damageSchemaId) throw baseInvalid(given, 'it is a damage file', 'Give it as --repair.');
    return baseOfInventory(given, value);
  });
}

async function readRemains(given: string): Promise<Base> {
  return reading(given, async () => {
    const { value, schema } = await readJson(given);
    if (schema !== damageSchemaId) {
      const hint =
        'Give the file that "packferry verify --damage" wrote; what the other side has is given as --base.';
      throw baseInvalid(given, 'it is no damage file', hint);
    }
    return baseOfDamage(given, value);
  });
}

interface Json {
  readonly bytes: Uint8Array;
  readonly value: unknown;
  /** What it says that it is. */
  readonly schema: unknown;
}

async function readJson(file: string): Promise<Json> {
  const bytes = await readFile(file, { maxBytes: limits.base, code: 'E_BASE_INVALID' });
  const value = parseStrictJson(bytes, { name: file, maxBytes: limits.base });
  const schema = typeof value === 'object' && value !== null && 'schema' in value ? value.schema : undefined;
  return { bytes, value, schema };
}

/** Whatever is wrong with a base is told as that. */
async function reading(given: string, read: () => Promise<Base>): Promise<Base> {
  try {
    return await read();
  } catch (fault) {
    if (!(fault instanceof PackferryError) && systemCodeOf(fault) === undefined) throw fault;
    const { code, message, hint = role.examples } = asPackferryError(fault);
    if (code === 'E_BASE_INVALID' && message.startsWith(`${given} cannot`)) throw fault;
    throw baseInvalid(given, message, hint, fault);
  }
}

async function isSame(place: string, output: string): Promise<boolean> {
  const [one, other] = await Promise.all(
    [place, output].map((name) => realpath(name).catch(() => undefined)),
  );
  return one !== undefined && one === other;
}
