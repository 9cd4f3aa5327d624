import { acceptBundle } from '../../bundle/accept.ts';
import { openLendingBundle, type LendingBundle } from '../../bundle/lending-bundle.ts';
import { checkSignature, openBundle, type SignedDocument, type VerifiedBundle } from '../../bundle/open.ts';
import { refuseLacking } from '../../bundle/served-lacking.ts';
import { silent } from '../../core/events.ts';
import { isLoopback } from '../../core/hosts.ts';
import { isRepositoryPath } from '../../core/reference.ts';
import { PackferryError } from '../../core/errors.ts';
import { formatSize } from '../../core/size.ts';
import { borrowLayers, lendersAmong, refuseOlder, serveBundles } from '../../flows/serve.ts';
import type { ServerAccount } from '../../registry/server-account.ts';
import { checkAddress, type ServerTls } from '../../registry/server.ts';
import type { WrittenReceipt } from '../../schema/reports.ts';
import type { ServeReport } from '../../schema/reports-serve.ts';
import type { ListenAddress } from '../commands/serve.ts';
import { throwAll } from '../../bundle/faults.ts';
import type { Evidence } from '../../flows/receipt/evidence.ts';
import { withReceipts, wordsFor, type ReceiptOptions, type Receipts } from '../receipts.ts';
import { judgementOf, type Judgement, type JudgementOptions } from '../bundle-judgement.ts';
import { tellUnknown } from '../freshness.ts';
import { serverAccount, serverTls, type ServerGuardOptions } from '../server-guard.ts';
import type { Action, CommonOptions, Outcome, Session } from '../session.ts';
import { count } from '../text/plural.ts';
import { howToPull } from '../text/how-to-pull.ts';

export interface ServeCommandOptions
  extends CommonOptions, JudgementOptions, ServerGuardOptions, ReceiptOptions {
  readonly listen: ListenAddress;
  readonly prefix?: string;
}

/** What is under way when the server is stopped gets this long, in milliseconds. */
const grace = 10_000;

/** `serve BUNDLE...` */
export const serveCommand: Action<ServeCommandOptions> = (session, dirs, options) =>
  withReceipts(session, { action: 'serve', options }, (receipts) =>
    runServer(session, dirs, options, receipts),
  );

async function runServer(
  session: Session,
  dirs: readonly string[],
  options: ServeCommandOptions,
  receipts: Receipts,
): Promise<Outcome & { readonly report: ServeReport }> {
  const { context, emit, signal } = session;
  const since = performance.now();
  const { listen, prefix } = options;
  // Before the bundles are read: that may take long, and a slip of the pen need not wait for it.
  if (prefix !== undefined && !isRepositoryPath(prefix)) {
    throw new PackferryError('E_USAGE', `--prefix: ${JSON.stringify(prefix)} is no path of a repository`, {
      hint: 'Write it as soc/images, in lower case.',
    });
  }
  const tls = await serverTls(options, context.now);
  const account = await serverAccount(options, emit);
  await checkAddress(listen);
  warnOpen(session, listen, { tls, account });
  const begun: { readonly dir: string; readonly evidence: Evidence }[] = [];
  let written: readonly WrittenReceipt[] = [];
  for (const dir of dirs) begun.push({ dir, evidence: await receipts.begin(dir) });
  const judgement = await judgementOf(
    session,
    options,
    begun.map(({ evidence }) => evidence),
  );
  const { served, lenders } = await openAll(begun, judgement, signal);
  const bundles = served.map(({ bundle }) => bundle);
  const { policy, freshness } = judgement;
  refuseOlder(bundles, freshness);
  const { now, owner } = context;
  const report = await serveBundles({
    bundles,
    lenders,
    ...listen,
    ...(tls === undefined ? {} : { tls }),
    ...(account === undefined ? {} : { account }),
    ...(prefix === undefined ? {} : { prefix }),
    rules: policy,
    // The one reading of the clock goes on from where it was.
    clock: () => new Date(now.getTime() + performance.now() - since),
    grace,
    beforeListening: async () => {
      for (const bundle of bySequence(bundles)) await acceptBundle(bundle, { ...freshness, owner, now });
    },
    onOpen: async (url) => {
      for (const { evidence } of served) evidence.servedAt = url;
      written = await leaveReceipts(session, receipts);
    },
    onListening: (server, images) => {
      if (options.json !== true) context.stdout.write(`${server.url}\n`);
      for (const message of howToPull(server, images, {
        ...listen,
        isGuarded: account !== undefined,
        prefix,
      }))
        emit({ type: 'note', level: 'info', message });
    },
    emit,
    signal,
  });
  const told = written.length === 0 ? report : { ...report, receipts: [...written] };
  return { report: told, text: '', summary: summaryOf(report) };
}

/** Written at the start: by then it is known what is given out, and a server may run until its machine goes down. */
async function leaveReceipts({ emit }: Session, receipts: Receipts): Promise<readonly WrittenReceipt[]> {
  const { written, errors } = await receipts.leave([]);
  throwAll(errors, { header: 'receipts' });
  for (const one of written) emit({ type: 'note', level: 'info', message: wordsFor(one) });
  return written;
}

interface Opened {
  readonly served: readonly { readonly bundle: VerifiedBundle; readonly evidence: Evidence }[];
  /** They only lend layers to others. */
  readonly lenders: readonly LendingBundle[];
}

/** Verifies all bundles, of lenders what is needed. Whether they go together is seen before archives are read. */
async function openAll(
  begun: readonly { readonly dir: string; readonly evidence: Evidence }[],
  judgement: Judgement,
  signal: AbortSignal,
): Promise<Opened> {
  const { freshness, emit } = judgement;
  const heads: (SignedDocument & (typeof begun)[number])[] = [];
  for (const { dir, evidence } of begun) {
    const { observe } = evidence;
    const signed = await checkSignature(dir, { ...judgement, observe, emit: silent });
    observe({ kind: 'document', document: signed.document });
    heads.push({ ...signed, dir, evidence });
  }
  const lending = lendersAmong(heads, freshness);
  const serving = heads.filter((head) => !lending.includes(head));
  refuseLacking(serving, lending);
  const lenders: LendingBundle[] = [];
  for (const { dir, document } of lending) {
    lenders.push(await openLendingBundle(dir, { ...judgement, emit: silent }));
    emit({ type: 'note', level: 'info', message: lendsOnly(dir, document) });
  }
  const served: Opened['served'][number][] = [];
  for (const { dir, evidence } of serving) {
    const bundle = await openBundle(dir, { ...judgement, observe: evidence.observe });
    tellUnknown(bundle, freshness, 'warning', emit);
    served.push({ bundle, evidence });
  }
  const bundles = served.map(({ bundle }) => bundle);
  for (const { bundle, evidence } of served) {
    await borrowLayers(bundle, bundles, { lenders, emit, signal });
    if (lenders.length > 0) evidence.lenders(lenders);
  }
  return { served, lenders };
}

function lendsOnly(dir: string, { name, sequence }: SignedDocument['document']): string {
  return `${dir} (${name} ${sequence}) lends the layers that a newer bundle of ${name} leaves out; its own images are not served`;
}

/** Older ones first: the one that is remembered last is the newest. */
function bySequence(bundles: readonly VerifiedBundle[]): VerifiedBundle[] {
  return [...bundles].sort((a, b) => a.document.sequence - b.document.sequence);
}

/** Whoever lets other machines in should know what is open to them. */
function warnOpen(
  { emit }: Session,
  { host }: ListenAddress,
  { tls, account }: { readonly tls: ServerTls | undefined; readonly account: ServerAccount | undefined },
): void {
  if (isLoopback(host.includes(':') ? `[${host}]` : host) || tls !== undefined) return;
  const message =
    account === undefined
      ? `everybody who reaches ${host} can pull these images, and whoever sits on the way can change what is pulled by tag: --tls-cert and --tls-key, --username and --password-file close that`
      : `the password crosses the network in clear: --tls-cert and --tls-key close that`;
  emit({ type: 'note', level: 'warning', message });
}

function summaryOf({ url, requests, brokenOff, bytesSent }: ServeReport): string {
  const broken = brokenOff === 0 ? '' : `, ${brokenOff} of them broken off`;
  return `Stopped serving at ${url}: ${count(requests, 'request')}${broken}, ${formatSize(bytesSent)} sent.`;
}
