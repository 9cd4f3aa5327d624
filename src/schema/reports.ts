import * as z from 'zod';
import { bundleFinding } from './bundle.ts';
import { bundleDamage } from './damage.ts';
import { leftOut } from './left-out.ts';
import { lentReport } from './lent.ts';
import { descriptor, digest, imageUse, platform, size } from './parts.ts';
import { reportVersion } from './versions.ts';

export { reportVersion };

const schemaVersion = z.literal(reportVersion);

export const errorReport = z.object({
  code: z.string(),
  message: z.string(),
  hint: z.string().exactOptional(),
});

/** An image of a plan or a bundle. */
export const reportedImage = z.object({
  reference: z.string(),
  manifest: descriptor,
  config: descriptor,
  /** Where it comes from: a registry that answered, or an endpoint as the manifest names it. */
  source: z.string(),
  /** Size of all blobs of the image, compressed. */
  bytes: size,
  /** Bytes of it that the bundle leaves out; absent where it leaves out nothing at all. */
  bytesLeftOut: size.exactOptional(),
  usedBy: z.array(imageUse),
  findings: z.array(bundleFinding),
});

/** Of whole images, with what a bundle leaves out of them. */
export const totals = z.object({
  images: size,
  /** Distinct blobs. */
  blobs: size,
  /** Bytes of the distinct blobs: what is downloaded, but for what is left out. */
  bytes: size,
  /** Bytes that would be repeated if every image carried all its blobs. */
  bytesShared: size,
});

/** Which bundle a report is about. */
export const bundleHead = {
  dir: z.string(),
  name: z.string(),
  sequence: z.int(),
  createdAt: z.string(),
  /** The sites that may import it; absent: all. */
  audience: z.array(z.string()).exactOptional(),
  /** What it asks for where names stand for other images; absent: nothing. */
  onExisting: z.enum(['keep', 'retag']).exactOptional(),
  /** After that it is refused; absent: never. */
  expiresAt: z.string().exactOptional(),
};

/** The self-contained importer that the bundle carries, if any. Its hash is to reach the closed side on another way. */
const importers = z.array(
  z.object({ file: z.string(), platform: z.string(), version: z.string(), bytes: size, sha256: z.string() }),
);

/** What `export --json` prints. */
export const exportReport = z.object({
  schemaVersion,
  ...bundleHead,
  status: z.enum(['written', 'present']),
  /** Those who were asked to sign, in their order; a bundle that was there already may have more. */
  signers: z.array(z.object({ fingerprint: z.string(), keyType: z.string() })).min(1),
  sumsSha256: z.string(),
  bytesFetched: size,
  /** Bytes that were taken from what --reuse named. */
  bytesReused: size,
  /** Which source has given each image; see docs/sources.md. */
  images: z.array(z.object({ reference: z.string(), source: z.string() })),
  archives: z.array(z.object({ file: z.string(), bytes: size, sha256: z.string() })),
  /** Content packs that are carried along. */
  packs: z.array(z.object({ id: z.string(), version: z.string() })),
  importers,
  totals,
  leftOut,
});

/** How a bundle stands to what was accepted here before; absent where nothing is remembered. */
const standing = z
  .object({
    is: z.enum(['first-use', 'first-of-stream', 'newer', 'again', 'rollback']),
    /** The highest sequence of the stream that was accepted before. */
    highest: z.int().exactOptional(),
    /** Why an older bundle was taken. */
    rollback: z.object({ from: z.int(), reason: z.string() }).exactOptional(),
  })
  .exactOptional();

/** Somebody who has signed. */
export const signer = z.object({ principal: z.string(), fingerprint: z.string(), keyType: z.string() });

/** The receipt that a run has left, with the code by which it can be told over the phone. */
export const writtenReceipt = z.object({
  number: z.int().positive(),
  file: z.string(),
  sha256: z.string(),
  code: z.string(),
  signed: z.boolean(),
});

/** What `verify --json` prints. */
export const verifyReport = z.object({
  schemaVersion,
  ...bundleHead,
  signers: z.array(signer),
  sumsSha256: z.string(),
  /** Every file of the signed list, as it was found. */
  files: z.array(z.object({ file: z.string(), bytes: size, sha256: z.string(), result: z.literal('good') })),
  standing,
  archives: z.array(z.object({ file: z.string(), bytes: size })),
  importers,
  images: size,
  leftOut,
  /**
   * With --deep: distinct layers that were decompressed and are what their images promise, those that this Node cannot read, and
   * how many were not there to be checked, since the bundle leaves them out.
   */
  layers: z
    .object({ checked: size, notChecked: z.array(digest), leftOut: size.exactOptional() })
    .exactOptional(),
  /** With --witness: how many images the site's own list knows, and the names of those that it does not. */
  witness: z.object({ agrees: size, absent: z.array(z.string()) }).exactOptional(),
  receipt: writtenReceipt.exactOptional(),
});

/** What `inspect --json` prints. `signature` says what was checked. */
export const inspectReport = z.object({
  schemaVersion,
  ...bundleHead,
  signature: z.enum(['not checked', 'good']),
  signers: z.array(signer),
  platform,
  images: z.array(reportedImage),
  archives: z.array(z.object({ file: z.string(), bytes: size, images: z.array(z.string()) })),
  packs: z.array(z.object({ id: z.string(), version: z.string().exactOptional() })),
  importers,
  totals,
  leftOut,
});

/**
 * `pending`: not sent, since this was a dry run or an earlier failure ended the run. `kept`: the name stands for another
 * image, which was left as it is, as asked for.
 */
export const importedImage = z.object({
  reference: z.string(),
  /** What it is called at the target, where that is another name. */
  deliveredAs: z.string().exactOptional(),
  status: z.enum(['present', 'pending', 'loaded', 'kept', 'failed']),
  id: digest.exactOptional(),
  /** What the name stood for at the target before: an ID or a digest. Absent: for nothing. */
  before: z.string().exactOptional(),
  bytesSent: size,
  bytesSkipped: size,
  /** In a dry run: what would be sent. Images that share layers which are missing each count them. */
  bytesMissing: size.exactOptional(),
  /** The image from which the name was taken: what the target calls it, and the name that it has now, if any. */
  replaced: z.object({ id: z.string(), keptAs: z.string().exactOptional() }).exactOptional(),
  /** Did it start when it was tried? Absent: it was not tried. */
  smoke: z.enum(['passed', 'failed']).exactOptional(),
  error: errorReport.exactOptional(),
});

/** A target, and how the images fared there. With an error it could not be asked, and nothing was sent. */
export const deliveredTo = z.object({
  name: z.string(),
  images: z.array(importedImage),
  error: errorReport.exactOptional(),
});

/** What `copy --json` prints. */
export const copyReport = z.object({
  schemaVersion,
  dryRun: z.boolean(),
  /** What was found: where, and by which digest. Nobody has signed it but for what comes from a bundle. */
  images: z.array(
    z.object({
      reference: z.string(),
      /** Absent for an image that went from engine to engine: they forget manifests. */
      manifest: descriptor.exactOptional(),
      /** Its digest is the image ID. Without a manifest nobody knows its size before it is read. */
      config: z.object({ ...descriptor.shape, size: size.exactOptional() }),
      source: z.string(),
    }),
  ),
  targets: z.array(deliveredTo),
  /** Bundles that were given to lend what the sources leave out; absent when none was given. */
  lent: z.array(lentReport).exactOptional(),
  /** One for each bundle that is a source, and one for what comes from elsewhere. */
  receipts: z.array(writtenReceipt).exactOptional(),
});

/** What `import --json` prints. */
export const importReport = z.object({
  schemaVersion,
  bundle: z.object({ ...bundleHead, sumsSha256: z.string(), signers: z.array(signer), standing }),
  dryRun: z.boolean(),
  targets: z.array(deliveredTo),
  /** Bundles that were given to lend what this one leaves out; absent when none was given. */
  lent: z.array(lentReport).exactOptional(),
  /** The zips of carried packs that were written out; absent when this was not asked for. */
  packs: z.array(z.string()).exactOptional(),
  receipt: writtenReceipt.exactOptional(),
});

/** What `keygen --json` prints. */
export const keygenReport = z.object({
  schemaVersion,
  privateKey: z.string(),
  publicKey: z.string(),
  fingerprint: z.string(),
  allowedSigners: z.string(),
});

/** What every command prints with `--json` when it fails. */
export const failureReport = z.object({
  schemaVersion,
  error: z.object({ ...errorReport.shape, errors: z.array(errorReport).exactOptional() }),
  /** What is lost of a bundle that was verified. */
  damage: bundleDamage.exactOptional(),
});

export type ExportReport = z.infer<typeof exportReport>;
export type VerifyReport = z.infer<typeof verifyReport>;
export type InspectReport = z.infer<typeof inspectReport>;
export type ImportReport = z.infer<typeof importReport>;
export type CopyReport = z.infer<typeof copyReport>;
export type TargetReport = z.infer<typeof deliveredTo>;
export type ImportedImage = z.infer<typeof importedImage>;
export type WrittenReceipt = z.infer<typeof writtenReceipt>;
export type KeygenReport = z.infer<typeof keygenReport>;
export type ErrorReport = z.infer<typeof errorReport>;
export type FailureReport = z.infer<typeof failureReport>;
export type Totals = z.infer<typeof totals>;
