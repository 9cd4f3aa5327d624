import { once } from 'node:events';
import type { LendingBundle } from '../bundle/lending-bundle.ts';
import type { VerifiedBundle } from '../bundle/open.ts';
import type { SignedBundle } from '../bundle/signed-bundle.ts';
import { ServedBundles } from '../bundle/served-bundles.ts';
import { throwAll } from '../bundle/faults.ts';
import { asPackferryError, PackferryError } from '../core/errors.ts';
import type { Emit } from '../core/events.ts';
import { limits } from '../core/limits.ts';
import { serveContent, type ContentServer, type ServeOptions } from '../registry/server.ts';
import { reportVersion } from '../schema/versions.ts';
import type { ServeReport } from '../schema/reports-serve.ts';
import type { FreshnessRules } from '../trust/freshness.ts';
import { LentLayers } from './lent/lent-layers.ts';
import { bundleHead, reportSigners } from './report.ts';

export interface ServeBundlesOptions extends Pick<ServeOptions, 'host' | 'port' | 'tls' | 'account'> {
  readonly bundles: readonly VerifiedBundle[];
  /** See `ServedBundlesOptions`. */
  readonly lenders?: readonly LendingBundle[];
  /** See `ServedBundlesOptions`. */
  readonly prefix?: string;
  readonly rules?: FreshnessRules | undefined;
  readonly clock: () => Date;
  /** Milliseconds that answers under way may take when it is stopped. */
  readonly grace: number;
  /** Runs when the bundles are known to go together, before the first request. */
  readonly beforeListening: () => Promise<void>;
  /** Runs when the server can be reached, before that is told. What it throws stops the server. */
  readonly onOpen: (url: string) => Promise<void>;
  /** Told when the server takes requests. */
  readonly onListening: (server: ContentServer, images: readonly string[]) => void;
  readonly emit: Emit;
  /** Stops the server: that is its ordinary end. */
  readonly signal: AbortSignal;
}

/** Is a way back taken on purpose, and may it be? */
interface RollbackRules {
  readonly rules: FreshnessRules;
  readonly rollbackReason?: string | undefined;
}

/**
 * Serves the images of verified bundles as a read-only registry, until the signal aborts. Faults of the medium are told and
 * end one answer, not the server. Throws `E_TAG_CONFLICT` where the bundles do not go together, `E_BASE_MISSING` where
 * they leave out what none of them carries, `E_ENDPOINT_INVALID` where it cannot listen, and the reason of a signal that aborted before.
 */
export async function serveBundles(options: ServeBundlesOptions): Promise<ServeReport> {
  const { bundles, lenders = [], prefix, rules, clock, grace, onListening, emit, signal } = options;
  const warn = (message: string): void => {
    emit({ type: 'note', level: 'warning', message });
  };
  const content = new ServedBundles(bundles, {
    ...(prefix === undefined ? {} : { prefix }),
    clock,
    rules,
    lenders,
    onSuperseded: warn,
  });
  await options.beforeListening();
  let [requests, brokenOff, bytesSent, refused] = [0, 0, 0, 0];
  const server = await serveContent(content, {
    host: options.host,
    port: options.port,
    ...(options.tls === undefined ? {} : { tls: options.tls }),
    ...(options.account === undefined ? {} : { account: options.account }),
    grace,
    signal,
    onFault: (fault) => {
      warn(asPackferryError(fault).message);
    },
    onRequest: (request) => {
      requests += 1;
      brokenOff += request.complete ? 0 : 1;
      bytesSent += request.bytes;
      emit({ type: 'request', ...request });
    },
    onRefused: () => {
      refused += 1;
      // Once: a flood must not fill the log, too.
      if (refused === 1) warn(`${limits.serverConnections} connections are open: further ones are refused`);
    },
  });
  const { url } = server;
  const images = content.names;
  try {
    await options.onOpen(url);
    emit({ type: 'serving', url, images: images.length });
    onListening(server, images);
    if (!signal.aborted) await once(signal, 'abort');
  } finally {
    await server.close();
  }
  return {
    schemaVersion: reportVersion,
    url,
    bundles: bundles.map(reported),
    ...(lenders.length === 0
      ? {}
      : { lenders: lenders.map(({ dir, signed }) => reported({ dir, ...signed })) }),
    images: [...images],
    requests,
    brokenOff,
    bytesSent,
  };
}

function reported({
  dir,
  document,
  sumsSha256,
  signers,
}: Pick<VerifiedBundle, 'dir' | 'document' | 'sumsSha256' | 'signers'>): ServeReport['bundles'][number] {
  return { ...bundleHead(dir, document), sumsSha256, signers: reportSigners(signers) };
}

/**
 * Has lenders read and hash the layers that a bundle leaves out and `others`, which are served beside it, do not carry. Throws what
 * is wrong with copies of which there is no good one.
 */
export async function borrowLayers(
  bundle: VerifiedBundle,
  others: readonly VerifiedBundle[],
  {
    lenders,
    emit,
    signal,
  }: { readonly lenders: readonly LendingBundle[] } & Pick<ServeBundlesOptions, 'emit' | 'signal'>,
): Promise<void> {
  const carried = new Set(
    others.flatMap(({ document }) =>
      document.archives.flatMap(({ blobs }) => blobs.map(({ digest }) => digest)),
    ),
  );
  const needed = bundle.document.requires.filter(({ digest }) => !carried.has(digest));
  const lent = new LentLayers([bundle], { with: lenders, signal });
  const missing = await lent.prepare(needed, emit);
  throwAll(
    [...missing].flatMap((digest) => lent.faultsOf(digest)),
    { header: 'what is left out cannot be lent' },
  );
}

/**
 * Those of several bundles that only lend layers: they are older than another one of their stream which leaves these out. Their
 * own images would be a way back; where that is taken on purpose, none only lends.
 */
export function lendersAmong<T extends Pick<SignedBundle, 'document'>>(
  bundles: readonly T[],
  { rules, rollbackReason }: RollbackRules,
): T[] {
  if (rollbackReason !== undefined && rules.allowRollback) return [];
  return bundles.filter(({ document: older }) => {
    const carried = new Set(older.archives.flatMap(({ blobs }) => blobs.map(({ digest }) => digest)));
    return bundles.some(
      ({ document: { name, sequence, requires } }) =>
        name === older.name &&
        sequence > older.sequence &&
        requires.some(({ digest }) => carried.has(digest)),
    );
  });
}

/**
 * Of several bundles of one stream only the last is the state that its builder wants: those before it are a way back, which
 * is taken on purpose or not at all. Throws `E_ROLLBACK`.
 */
export function refuseOlder(
  bundles: readonly VerifiedBundle[],
  { rules, rollbackReason }: RollbackRules,
): void {
  if (rollbackReason !== undefined && rules.allowRollback) return;
  for (const { document: older } of bundles) {
    const newer = bundles.find(
      ({ document }) => document.name === older.name && document.sequence > older.sequence,
    );
    if (newer === undefined) continue;
    const message = `${older.name} ${older.sequence} is older than ${older.name} ${newer.document.sequence}, which is to be served, too`;
    throw new PackferryError('E_ROLLBACK', message, {
      hint: rules.allowRollback
        ? 'Serve the newer one alone. To serve what only the older one has: --allow-rollback REASON, which is recorded.'
        : 'Serve the newer one alone: the policy of this site allows no way back.',
    });
  }
}
