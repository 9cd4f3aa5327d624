import * as z from 'zod';
import { digest, size, utcTime } from './parts.ts';
import { deliveredTo, errorReport, writtenReceipt } from './reports.ts';
import { reportVersion } from './versions.ts';

const schemaVersion = z.literal(reportVersion);

/** An engine that was asked, or why it could not be. */
const surveyedHost = z.object({
  name: z.string().describe('As in the file of hosts, else the endpoint.'),
  endpoint: z.string(),
  engine: z
    .object({
      product: z.enum(['docker', 'podman']),
      store: z.enum(['classic', 'containerd', 'podman']),
      version: z.string().exactOptional(),
    })
    .exactOptional(),
  error: errorReport.exactOptional(),
});

/** What is under one name, at the hosts that have it. */
const heldImage = z.object({
  id: z.string().describe('What the engine calls it: a digest of the config, or of the manifest.'),
  hosts: z.array(z.string()),
  platform: z.string().exactOptional(),
  bytes: size.describe('As the engine counts.'),
  layers: z.array(digest).describe('The diff IDs.'),
  is: z
    .enum(['same', 'other', 'damaged'])
    .exactOptional()
    .describe('Compared with the bundle or lock, where one was given.'),
  reason: z.string().exactOptional(),
});

/** What `inventory --json` prints, and `-o FILE` writes: which image is on which host. */
export const inventoryReport = z.object({
  schemaVersion,
  takenAt: utcTime,
  hosts: z.array(surveyedHost),
  against: z
    .object({
      kind: z.enum(['bundle', 'lock']),
      path: z.string(),
      name: z.string(),
      sequence: z.int().exactOptional(),
    })
    .exactOptional(),
  images: z.array(
    z.object({
      reference: z.string(),
      state: z
        .enum(['everywhere', 'missing', 'differs', 'extra'])
        .describe(
          'The same on every host that answered; missing on some; another image on some (these may also miss it); not in the bundle or lock.',
        ),
      expected: z.object({ manifest: digest, config: digest }).exactOptional(),
      held: z.array(heldImage).describe('One entry for each image that has the name somewhere.'),
      missing: z.array(z.string()).describe('The hosts that answered and do not have the name.'),
    }),
  ),
});

export type InventoryReport = z.infer<typeof inventoryReport>;

/** What `sync --json` prints. */
export const syncReport = z.object({
  schemaVersion,
  dryRun: z.boolean(),
  hosts: z.array(surveyedHost),
  /** Whose images count; absent: what any host has, all are to have. */
  authority: z.string().exactOptional(),
  images: z.array(
    z.object({
      reference: z.string(),
      id: z
        .string()
        .exactOptional()
        .describe('What the host that gives it calls it; absent: nobody can say which one counts.'),
      from: z.string().exactOptional().describe('The host that gives it.'),
      had: z.array(z.string()),
      lacked: z.array(z.string()),
      conflicts: z
        .array(z.object({ id: z.string(), hosts: z.array(z.string()) }))
        .describe('Other images of this name.'),
    }),
  ),
  targets: z.array(deliveredTo),
  receipt: writtenReceipt.exactOptional(),
});

export type SyncReport = z.infer<typeof syncReport>;
