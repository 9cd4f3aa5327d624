import type * as z from 'zod';
import { limits } from '../../core/limits.ts';
import { builtMetadataSchema, changelogSchema, marketplaceStateSchema } from '../../schema/marketplace.ts';
import { readJsonFile } from '../json-file.ts';

/** What a pack needs besides itself. */
export interface Dependency {
  readonly id: string;
  readonly mandatory: boolean;
  readonly minVersion: string | undefined;
}

/** One version of a pack, as its `metadata.json` tells. */
export interface PackVersion {
  readonly id: string | undefined;
  /** For people. */
  readonly name: string | undefined;
  readonly version: string | undefined;
  /** In the order of the file. The first level only. */
  readonly dependencies: readonly Dependency[];
  readonly hidden: boolean;
  readonly deprecated: boolean;
}

/** Reads the `metadata.json` of a built pack. Throws `E_PACK_INVALID`; `what` is for messages. */
export function readBuiltMetadata(bytes: Uint8Array, what: string): PackVersion {
  const { id, name, currentVersion, dependencies, hidden, deprecated } = parse(
    bytes,
    builtMetadataSchema,
    what,
  );
  return {
    id: id ?? undefined,
    name: name ?? undefined,
    version: currentVersion ?? undefined,
    dependencies: Object.entries(dependencies ?? {}).map(([needed, dependency]) => ({
      id: needed,
      // One that does not say is taken for needed: better an image too many than a pack that cannot be installed.
      mandatory: dependency?.mandatory ?? true,
      minVersion: dependency?.minVersion ?? undefined,
    })),
    hidden: hidden ?? false,
    deprecated: deprecated ?? false,
  };
}

/** The versions that a `changelog.json` tells of. Throws `E_PACK_INVALID`. */
export function readChangelog(bytes: Uint8Array, what: string): string[] {
  return Object.keys(parse(bytes, changelogSchema, what));
}

/** What a marketplace says of itself. */
export interface MarketplaceState {
  /** Counts up with every upload. */
  readonly revision: string | undefined;
  /** The ids of packs that cost something; the bucket does not give them to everyone. */
  readonly paid: ReadonlySet<string>;
}

/** Reads `index/index.json`. Throws `E_PACK_INVALID`. */
export function readState(bytes: Uint8Array, what: string): MarketplaceState {
  const { revision, packs } = parse(bytes, marketplaceStateSchema, what);
  const paid = (packs ?? []).flatMap((pack) =>
    typeof pack?.id === 'string' && (pack.price ?? 0) > 0 ? [pack.id] : [],
  );
  return {
    revision: revision === null || revision === undefined ? undefined : String(revision),
    paid: new Set(paid),
  };
}

function parse<T>(bytes: Uint8Array, schema: z.ZodType<T>, what: string): T {
  const maxBytes = limits.marketplaceDocument;
  return readJsonFile(bytes, schema, { name: what, code: 'E_PACK_INVALID', maxBytes });
}
