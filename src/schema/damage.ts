import * as z from 'zod';
import type { BundleDamage } from '../core/damage.ts';
import { digest, fileName, size, utcTime } from './parts.ts';

/** The `schema` value of the damage files that this version writes. */
export const damageSchemaId = 'packferry.damage/v1';

const sha256 = z.string().regex(/^[0-9a-f]{64}$/);

/** `missing`: it is not there. `unreadable`: the medium does not give it. `damaged`: it is not what was signed. */
const why = z.enum(['missing', 'unreadable', 'damaged']);

/** Where something of a file stands: a name, or one in the folder of packs. */
const file = z.string().min(1).max(512);

const lostBlob = z.object({
  digest,
  size,
  kind: z.enum(['manifest', 'config', 'layer']),
  archive: fileName,
  /** Where its first byte stands, or should stand, in the archive. */
  offset: size,
  why,
  /** Other archives of the bundle that hold it intact. */
  intactIn: z.array(fileName),
  /** The images that need it, and the items that use these. */
  images: z.array(
    z.object({
      reference: z.string(),
      items: z.array(
        z.object({
          pack: z.string(),
          kind: z.enum(['integration', 'script', 'manifest']),
          item: z.string(),
        }),
      ),
    }),
  ),
});

const damagedFile = z.object({
  file,
  /** What it should hash to. */
  sha256,
  why,
  /** Of archives whose length is wrong. */
  size: z.object({ expected: size, got: size }).exactOptional(),
  /** Stretches of an archive between its blobs. They follow from bundle.json and need not be carried again. */
  parts: z
    .array(
      z.object({
        member: z.string(),
        part: z.enum(['header', 'document', 'padding', 'end']),
        offset: size,
      }),
    )
    .exactOptional(),
});

/** What is lost of a bundle: in reports of failures, and in damage files. */
export const bundleDamage = z.object({
  bundle: z.object({
    /** Name and sequence are unknown when `bundle.json` itself is lost. */
    name: z.string().exactOptional(),
    sequence: size.exactOptional(),
    /** sha256 in hex of SHA256SUMS: the identity of the bundle. */
    sumsSha256: sha256,
  }),
  files: z.array(damagedFile),
  /** The blobs that have to be carried again. */
  blobs: z.array(lostBlob),
  /** False when `bundle.json` is lost: which blobs the damaged archives hold is then not known. */
  blobsKnown: z.boolean(),
  /** The layers that some archive still holds intact. Absent when `bundle.json` is lost, and in older files. */
  intactLayers: z.array(digest).exactOptional(),
}) satisfies z.ZodType<BundleDamage>;

/** The file that `verify --damage` writes, to be carried back to where the bundle was made. */
export const damageSchema = z.object({
  schema: z.literal(damageSchemaId),
  /** When the damage was found. */
  foundAt: utcTime,
  tool: z.object({ name: z.string(), version: z.string() }),
  ...bundleDamage.shape,
});

export type DamageDocument = z.infer<typeof damageSchema>;
export type DamageReport = z.infer<typeof bundleDamage>;
