import type { LockedImage } from '../../src/core/image.ts';
import { receiptSchemaId, type Receipt } from '../../src/schema/receipt.ts';
import type { InventoryReport } from '../../src/schema/reports-hosts.ts';

/** When what is made here was made. */
export const baseTime = '2026-11-23T05:00:00Z';

/** How an image fared. */
export type Status = Receipt['targets'][number]['images'][number]['status'];

/** What an import of these images leaves; each target with how each image fared there. */
export function receiptOf(images: readonly LockedImage[], targets: readonly (readonly Status[])[]): Receipt {
  return {
    ...{ schema: receiptSchemaId, number: 12, previous: null, action: 'import' },
    ...{ clock: baseTime, endedAt: baseTime, durationMs: 1 },
    tool: { name: 'packferry', version: '0.0.0', node: 'v20' },
    host: 'app1.example',
    operator: { name: 'root' },
    bundle: { dir: '/media/usb/soc', name: 'soc', sequence: 7 },
    signers: [],
    trust: { revokedKeys: [] },
    files: [],
    images: images.map(({ reference, manifest, config, layers }) => ({
      ...{ reference, manifest: manifest.digest, config: config.digest },
      layers: layers.map(({ digest, diffId }) => ({ digest, diffId })),
    })),
    targets: targets.map((states, at) => ({
      name: `target ${at}`,
      images: images.flatMap(({ reference }, one) => {
        const status = states[one];
        return status === undefined ? [] : [{ reference, status, bytesSent: 0, bytesSkipped: 0 }];
      }),
    })),
    outcome: { result: 'done', status: 0, errors: [] },
  };
}

/** What these hosts say that all of them have. */
export function inventoryOf(images: readonly LockedImage[], hosts: readonly string[]): InventoryReport {
  return {
    schemaVersion: 1,
    takenAt: baseTime,
    hosts: hosts.map((name) => ({ name, endpoint: `ssh://${name}` })),
    images: images.map(({ reference, config, layers }) => ({
      reference,
      state: 'everywhere',
      held: [{ id: config.digest, hosts: [...hosts], bytes: 1, layers: layers.map(({ diffId }) => diffId) }],
      missing: [],
    })),
  };
}
