import path from 'node:path';
import { PackferryError } from '../../core/errors.ts';
import { isOverSsh } from '../../flows/engine-endpoint.ts';
import { findEngine, type FoundEngine } from '../../flows/inventory/engines.ts';
import type { HostEndpoint } from '../../flows/hosts/endpoints.ts';
import { Evidence } from '../../flows/receipt/evidence.ts';
import { syncHosts } from '../../flows/sync/sync.ts';
import type { SyncReport } from '../../schema/reports-hosts.ts';
import { cacheFolderOf, type Context } from '../context.ts';
import { allHosts } from '../hosts.ts';
import type { HostsOptions } from '../hosts-options.ts';
import { paceOf, type PaceOptions } from '../pace-options.ts';
import { checkPatterns } from '../patterns.ts';
import { confirm, isInteractive } from '../prompt.ts';
import { withReceipt, type ReceiptOptions } from '../receipts.ts';
import type { Action, CommonOptions, Outcome, Session } from '../session.ts';
import { sshAccess } from '../ssh.ts';
import type { SshOptions } from '../ssh-options.ts';
import { sumUp } from '../text/delivery.ts';
import { syncSummary, syncText, whatIsBrought } from '../text/sync.ts';
import { visible } from '../text/visible.ts';
import { onExisting, refuseNothingStaged, staging, type DeliveryOptions } from './targets.ts';

export interface SyncOptions
  extends
    CommonOptions,
    SshOptions,
    HostsOptions,
    ReceiptOptions,
    Pick<DeliveryOptions, 'onExisting' | 'dryRun' | 'keepGoing' | 'stage' | 'stageDir' | keyof PaceOptions> {
  readonly jobs: number;
  readonly retries: number;
  readonly images?: readonly string[];
  readonly host?: readonly string[];
  readonly from?: string;
  readonly yes?: boolean;
}

/** `sync --images PATTERN... --hosts FILE|--host ENDPOINT...` */
export const syncCommand: Action<SyncOptions> = async (session, _, options) => {
  const asked = await readOptions(session, options);
  // What changes nothing leaves no receipt.
  if (options.dryRun === true) return runSync(session, asked, options, new Evidence());
  return withReceipt(session, { action: 'sync', options }, (evidence) =>
    runSync(session, asked, options, evidence),
  );
};

/** What a command line asks for: nothing of it was touched. */
interface Asked {
  readonly patterns: readonly string[];
  readonly engines: readonly FoundEngine[];
  readonly authority: FoundEngine | undefined;
}

async function readOptions(session: Session, options: SyncOptions): Promise<Asked> {
  const { context, emit } = session;
  const patterns = neededPatterns(options);
  const ssh = sshAccess(session, options);
  const access = { environment: context.env, ssh, emit };
  const hosts = await neededHosts(session, options);
  const authority =
    options.from === undefined ? undefined : findEngine({ name: options.from, url: options.from }, access);
  await refuseNothingToStage(options, hosts, context.env);
  return { patterns, engines: hosts.map((host) => findEngine(host, access)), authority };
}

async function runSync(
  session: Session,
  { patterns, engines, authority }: Asked,
  options: SyncOptions,
  evidence: Evidence,
): Promise<Outcome & { readonly report: SyncReport }> {
  const { context, emit, signal } = session;
  const { report, errors, approved } = await syncHosts({
    ...{
      patterns,
      engines,
      evidence,
      authority,
      jobs: options.jobs,
      hostsAtOnce: options.jobs * 4,
      emit,
      signal,
    },
    ...paceOf(options),
    loadIdle: options.targetTimeout * 1000,
    ...staging(options),
    spoolDir: path.join(cacheFolderOf(context), 'spool'),
    onExisting: onExisting(context, options.onExisting),
    dryRun: options.dryRun ?? false,
    keepGoing: options.keepGoing ?? false,
    approve: (plan) => approval(session, options, plan),
  });
  evidence.isDeclined = !approved;
  const summary = approved ? syncSummary(report) : 'Nothing was brought.';
  return { report, text: syncText(report), summary, errors: sumUp(errors, options, 'brought', report) };
}

/** Hosts are only looked at where it is not written which way they are reached. */
async function refuseNothingToStage(
  options: SyncOptions,
  hosts: readonly HostEndpoint[],
  environment: Context['env'],
): Promise<void> {
  const { stage } = staging(options);
  if (stage === undefined) return;
  const areOverSsh = hosts.map(({ url }) => isOverSsh(url, environment));
  refuseNothingStaged(options, await Promise.all(areOverSsh));
}

function neededPatterns({ images }: SyncOptions): readonly string[] {
  const patterns = checkPatterns('--images', images);
  if (patterns.length > 0) return patterns;
  throw new PackferryError('E_USAGE', 'which images are meant is not said', { hint });
}

async function neededHosts(session: Session, options: SyncOptions): Promise<readonly HostEndpoint[]> {
  const hosts = await allHosts(session, options.host ?? [], options);
  if (hosts.length === 0) throw new PackferryError('E_USAGE', 'no host is named', { hint });
  if (hosts.length === 1 && options.from === undefined)
    throw new PackferryError('E_USAGE', 'one host alone has nothing to be compared with', { hint });
  if (options.from === undefined && movesNames(options)) {
    throw new PackferryError('E_USAGE', `--on-existing ${options.onExisting} needs --from`, {
      hint: 'Where a name stands for different images, somebody has to say whose image counts.',
    });
  }
  return hosts;
}

const hint =
  "For instance: packferry sync --images 'acme/*' --hosts inventory.ini, or packferry sync --images 'acme/*' --host ssh://root@app1 --host ssh://root@app2";

function movesNames({ onExisting: asked }: SyncOptions): boolean {
  return asked === 'retag' || asked === 'overwrite';
}

/** Asks before hosts are changed, where somebody can answer. */
function approval({ context, pause }: Session, options: SyncOptions, plan: SyncReport): Promise<boolean> {
  if (options.yes === true || !isInteractive(context)) return Promise.resolve(true);
  pause();
  for (const line of whatIsBrought(plan, movesNames(options))) context.stderr.write(`${visible(line)}\n`);
  return confirm(context, 'Bring them?');
}
