import * as z from 'zod';
import { lentReport } from './lent.ts';
import { digest, size, utcTime } from './parts.ts';
import { errorReport, importedImage } from './reports.ts';

/** The `schema` value of the receipts that this version writes and reads. */
export const receiptSchemaId = 'packferry.receipt/v1';

const sha256 = z.string().regex(/^[0-9a-f]{64}$/);

/** An error with all that it sums up. */
const fault = z.object({ ...errorReport.shape, errors: z.array(errorReport).exactOptional() });

const signer = z.object({
  principal: z.string(),
  fingerprint: z.string(),
  keyType: z.string(),
  certificate: z
    .object({ serial: z.string(), keyId: z.string(), authority: z.string() })
    .exactOptional()
    .describe('Of the certificate that stood for the key: its serial number, its name, who issued it.'),
  securityKey: z
    .object({ userPresent: z.boolean(), userVerified: z.boolean() })
    .exactOptional()
    .describe('What a key in hardware says of its user: did he touch it, did it ask for a PIN or a finger?'),
});

const file = z.object({
  file: z.string(),
  bytes: size.exactOptional(),
  sha256: sha256.exactOptional().describe('Of its content; absent where not all of it was read.'),
  result: z.enum(['good', 'missing', 'unreadable', 'damaged']),
});

const trustFile = z.object({ file: z.string(), sha256 });

const bundle = z.object({
  dir: z.string(),
  sumsSha256: sha256.exactOptional().describe('sha256 of SHA256SUMS: the identity of the bundle.'),
  name: z.string().exactOptional(),
  sequence: z.int().exactOptional(),
  createdAt: z.string().exactOptional(),
  expiresAt: z.string().exactOptional(),
  audience: z.array(z.string()).exactOptional(),
  media: z
    .object({
      mountPoint: z.string(),
      fileSystem: z.string(),
      device: z.string(),
      ids: z.array(z.string()).describe('Names below /dev/disk/by-id, by-uuid and by-label.'),
    })
    .exactOptional()
    .describe('The disk that the bundle lay on, as far as the system tells.'),
});

/** What comes from elsewhere than a bundle, as it was found there. */
const unsigned = z.object({
  sources: z.array(z.string()).describe('Where images were looked for, in this order.'),
  images: z.array(
    z.object({
      reference: z.string(),
      source: z.string(),
      manifest: digest.exactOptional().describe('Absent for an image as an engine has it: they forget it.'),
      config: digest,
    }),
  ),
});

/** What an engine built, out of what. */
const built = z.object({
  engine: z.string(),
  reference: z.string(),
  id: digest.exactOptional().describe('Absent where nothing was built.'),
  base: z.object({ reference: z.string(), id: digest, digest: digest.exactOptional() }).exactOptional(),
  dockerfile: sha256.exactOptional().describe('Of its text.'),
});

/**
 * Evidence of one run of `import`, `verify`, `copy` or `serve` with one bundle, or of one of `copy`, `sync` or `build` with images
 * that nobody has signed: what was looked at, what was decided, by whom, with which result.
 */
export const receiptSchema = z.object({
  schema: z.literal(receiptSchemaId),
  number: z.int().positive().describe('Its place in the chain; the first is 1.'),
  previous: sha256.nullable().describe('sha256 of the file of the receipt before; null in the first.'),
  action: z.enum(['import', 'verify', 'copy', 'serve', 'sync', 'build']),
  singlePass: z
    .literal(true)
    .exactOptional()
    .describe('The archives were checked while images were delivered from them, not before.'),
  clock: utcTime.describe('The one reading of the clock by which keys, expiry and age were judged.'),
  endedAt: utcTime,
  durationMs: size,
  tool: z.object({
    name: z.string(),
    version: z.string(),
    node: z.string(),
    program: z
      .object({ path: z.string(), files: size, sha256 })
      .exactOptional()
      .describe(
        'What ran: the one file of the self-contained importer, or the folder of the compiled program (sha256 of the list of its files, as sha256sum prints it, sorted by name). Packages beside it and Node are not in it.',
      ),
  }),
  host: z.string(),
  operator: z.object({
    name: z.string(),
    uid: z.int().exactOptional(),
    sudoUser: z.string().exactOptional().describe('Who called sudo, as sudo says.'),
  }),
  site: z.string().exactOptional(),
  bundle: bundle.exactOptional().describe('Absent where images came from elsewhere; see `unsigned`.'),
  signers: z.array(signer).describe('Whose signatures were good and trusted.'),
  trust: z.object({
    version: z.int().positive().exactOptional(),
    policy: trustFile.exactOptional(),
    allowedSigners: trustFile.exactOptional(),
    revokedKeys: z.array(trustFile),
  }),
  files: z.array(file).describe('Every file of the bundle that was checked.'),
  images: z.array(
    z.object({
      reference: z.string(),
      manifest: digest,
      config: digest,
      layers: z
        .array(z.object({ digest, diffId: digest }))
        .exactOptional()
        .describe(
          'Bottom first: what a later export may leave out where the image is. Absent in older receipts.',
        ),
      witness: z
        .enum(['agrees', 'absent'])
        .exactOptional()
        .describe("What the site's own list of digests said, where one was asked."),
    }),
  ),
  targets: z.array(
    z.object({
      name: z.string(),
      host: z.string().exactOptional().describe('What the file of hosts calls it.'),
      images: z.array(importedImage),
      error: errorReport.exactOptional().describe('Why it could not be asked: nothing was sent there.'),
    }),
  ),
  unsigned: unsigned
    .exactOptional()
    .describe('Images that came from engines, registries and folders: nobody has signed what they are.'),
  built: built.exactOptional(),
  lent: z
    .array(lentReport)
    .exactOptional()
    .describe('Bundles that were given to lend what this one leaves out.'),
  served: z
    .object({ url: z.string() })
    .exactOptional()
    .describe('Where the images are given out from then on; the receipt is written at the start.'),
  packs: z.array(z.string()).exactOptional().describe('The zips of carried packs that were written out.'),
  outcome: z.object({
    result: z.enum(['done', 'failed', 'declined', 'interrupted']),
    status: z.int().min(0).max(255),
    errors: z.array(fault),
  }),
});

export type Receipt = z.infer<typeof receiptSchema>;
