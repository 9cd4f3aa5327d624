import { createHash } from 'node:crypto';
import path from 'node:path';
import pLimit, { type LimitFunction } from 'p-limit';
import type { Emit } from '../../core/events.ts';
import { Bucket } from './bucket.ts';
import { openIndex } from './index-file.ts';
import { fillOptions, type MarketplaceOptions } from './options.ts';
import type { PackIndex } from './pack-index.ts';

/** An open marketplace: its index, and the way to its packs. It must be closed. */
export interface Marketplace {
  /** Host and path, for messages. */
  readonly name: string;
  readonly index: PackIndex;
  readonly bucket: Bucket;
  /** Where downloads of this marketplace are kept. */
  readonly folder: string;
  /** Bounds how many downloads run at the same time. */
  readonly limit: LimitFunction;
  readonly emit: Emit;
  readonly signal: AbortSignal | undefined;
  close(): Promise<void>;
}

/**
 * Opens a marketplace of content packs: a bucket that holds `index.zip` and `<id>/<version>/<id>.zip`. Downloads the
 * index unless the cached one is still what the server has. Throws `E_SOURCE_UNREACHABLE`, `E_SOURCE_DENIED`,
 * `E_SOURCE_PROTOCOL`, `E_RATE_LIMITED`, `E_LIMIT_EXCEEDED`, `E_ENDPOINT_INVALID` or `E_OUTPUT_UNWRITABLE`.
 */
export async function openMarketplace(options: MarketplaceOptions): Promise<Marketplace> {
  const filled = fillOptions(options);
  const { baseUrl, cacheDir, emit, signal, concurrency } = filled;
  // Packs of the same name from two marketplaces must not be mistaken for each other.
  const folder = path.join(cacheDir, createHash('sha256').update(baseUrl.href).digest('hex').slice(0, 16));
  const bucket = new Bucket(filled);
  try {
    const index = await openIndex(bucket, folder, filled);
    return {
      ...{ name: bucket.name, index, bucket, folder, emit, signal },
      limit: pLimit(concurrency),
      close: async () => {
        index.close();
        await bucket.close();
      },
    };
  } catch (fault) {
    await bucket.close();
    throw fault;
  }
}
