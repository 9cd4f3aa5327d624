import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { silent } from '../../../src/core/events.ts';
import { leaveOut } from '../../../src/flows/base/leave-out.ts';
import { readBases } from '../../../src/flows/base/read.ts';
import { bundleSchema } from '../../../src/schema/bundle.ts';
import { damageSchemaId } from '../../../src/schema/damage.ts';
import { baseTime, inventoryOf, receiptOf } from '../../helpers/base-files.ts';
import { smallFamily } from '../../helpers/compose.ts';
import { anyJson, jsonInput } from '../mutate/json.ts';
import type { Target } from '../target.ts';

const { images } = smallFamily();
const layers = images.flatMap((image) => image.layers.map(({ digest }) => digest));

/** Whatever a base says, only layers of these images are left out, and a bundle can say so. */
async function readAs(option: 'base' | 'repair', input: Buffer, folder: string): Promise<void> {
  const file = path.join(folder, 'base.json');
  await writeFile(file, input);
  const bases = await readBases(option === 'base' ? { base: [file] } : { repair: file });
  const left = leaveOut(images, bases, silent);
  for (const { digest } of left.requires) assert.ok(layers.includes(digest));
  assert.deepEqual(bundleSchema.pick({ requires: true, base: true }).parse(left), left);
}

export const base: Target = {
  name: 'flows/base',
  valid: () => [
    jsonInput(receiptOf(images, [images.map(() => 'loaded')])),
    jsonInput(inventoryOf(images, ['app1.example', 'app2.example'])),
  ],
  mutations: anyJson,
  codes: ['E_BASE_INVALID'],
  runs: 350,
  read: (input, folder) => readAs('base', input, folder),
};

export const repair: Target = {
  name: 'flows/repair',
  valid: () => [
    jsonInput({
      ...{ schema: damageSchemaId, foundAt: baseTime, tool: { name: 'packferry', version: '0.1.0' } },
      bundle: { name: 'soc', sequence: 7, sumsSha256: 'ab'.repeat(32) },
      ...{ files: [], blobs: [], blobsKnown: true, intactLayers: layers },
    }),
  ],
  mutations: anyJson,
  codes: ['E_BASE_INVALID'],
  runs: 200,
  read: (input, folder) => readAs('repair', input, folder),
};
