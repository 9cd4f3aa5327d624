import { createHash } from 'node:crypto';
import path from 'node:path';
import { asPackferryError, type PackferryError } from '../../core/errors.ts';
import type { BuildNetwork } from '../../engine/build-image.ts';
import { buildImage } from '../../flows/build/build.ts';
import { readRecipe, type BuildRecipe } from '../../flows/build/recipe.ts';
import { copyImages } from '../../flows/copy.ts';
import { openEngine } from '../../flows/engine-endpoint.ts';
import { parseSource } from '../../flows/source-endpoint.ts';
import { Sources } from '../../flows/sources.ts';
import { closeTargets, openUsableTargets, type FoundTarget } from '../../flows/targets.ts';
import { Evidence } from '../../flows/receipt/evidence.ts';
import type { Engine } from '../../engine/engine.ts';
import { formatReference } from '../../core/reference.ts';
import type { Receipt } from '../../schema/receipt.ts';
import type { TargetReport } from '../../schema/reports.ts';
import type { BuildReport } from '../../schema/reports-build.ts';
import { cacheFolderOf, timeToWrite } from '../context.ts';
import { allHosts } from '../hosts.ts';
import type { HostsOptions } from '../hosts-options.ts';
import { trustedKeys } from '../keys.ts';
import type { RegistryOptions } from '../network.ts';
import type { PatienceOptions } from '../registry-options.ts';
import { paceOf, type PaceOptions } from '../pace-options.ts';
import type { Action, CommonOptions, Outcome, Session } from '../session.ts';
import { sshAccess } from '../ssh.ts';
import type { SshOptions } from '../ssh-options.ts';
import { exportSummary } from '../text/export-summary.ts';
import { deliverySummary, deliveryTable } from '../text/delivery.ts';
import { table } from '../text/table.ts';
import { visible } from '../text/visible.ts';
import { withReceipt } from '../receipts.ts';
import { bundleWriter, type BundleWriter, type BuildExportOptions } from './build-export.ts';
import { withRegistries } from './sources.ts';
import { deliveryTargets, onExisting, type DeliveryOptions } from './targets.ts';

export interface BuildCommandOptions
  extends
    CommonOptions,
    RegistryOptions,
    PatienceOptions,
    SshOptions,
    HostsOptions,
    PaceOptions,
    Pick<DeliveryOptions, 'stage' | 'stageDir'>,
    BuildExportOptions {
  readonly from: string;
  readonly python?: readonly string[];
  readonly requirements?: readonly string[];
  readonly package?: readonly string[];
  readonly packageManager?: string;
  readonly wheels?: string;
  readonly indexUrl?: string;
  readonly network?: BuildNetwork;
  readonly check: boolean;
  readonly onExisting: 'error' | 'retag' | 'overwrite';
  readonly to?: readonly string[];
  readonly state?: string;
  readonly siteKey?: string;
  readonly sitePassphraseFile?: string;
}

/** `build NAME --from BASE` */
export const buildCommand: Action<BuildCommandOptions> = async (session, [name = ''], options) => {
  const { context, emit, signal } = session;
  const { packageManager, wheels, indexUrl, on, dryRun = false } = options;
  const recipe = await readRecipe(
    {
      ...{ name, base: options.from, python: options.python ?? [], packages: options.package ?? [] },
      ...{ requirements: options.requirements ?? [], checks: options.check },
      ...(packageManager === undefined ? {} : { packageManager }),
      ...(wheels === undefined ? {} : { wheels }),
      ...(indexUrl === undefined ? {} : { indexUrl }),
    },
    signal,
  );
  // What is wrong with a target is told before anything is built.
  const hosts = await allHosts(session, options.to ?? [], options);
  const urls = hosts.map(({ url }) => url);
  const found = await deliveryTargets(session, options, urls);
  const writeBundle = await bundleWriter(session, recipe, options);
  const ssh = sshAccess(session, options);
  const engine = await openEngine(on, { environment: context.env, ssh, emit, signal });
  // What changes nothing leaves no receipt.
  const run = (evidence: Evidence): Promise<Built> =>
    runBuild(session, { recipe, engine, found, writeBundle }, options, evidence);
  try {
    if (dryRun) return await run(new Evidence());
    const { state, siteKey, sitePassphraseFile } = options;
    const receipts = {
      ...(state === undefined ? {} : { state }),
      ...(siteKey === undefined ? {} : { siteKey }),
      ...(sitePassphraseFile === undefined ? {} : { passphraseFile: sitePassphraseFile }),
      passphraseOption: '--site-passphrase-file',
    };
    return await withReceipt(session, { action: 'build', options: receipts }, run);
  } finally {
    engine.close();
  }
};

type Built = Outcome & { readonly report: BuildReport };

/** What is to be built, where, and what becomes of it. */
interface Work {
  readonly recipe: BuildRecipe;
  readonly engine: Engine;
  readonly found: readonly FoundTarget[];
  readonly writeBundle: BundleWriter | undefined;
}

async function runBuild(
  session: Session,
  { recipe, engine, found, writeBundle }: Work,
  options: BuildCommandOptions,
  evidence: Evidence,
): Promise<Built> {
  const { context, emit, signal } = session;
  const { network, on, dryRun = false } = options;
  const isDated = (context.env['SOURCE_DATE_EPOCH'] ?? '') !== '';
  const asked = onExisting(context, options.onExisting);
  evidence.unsigned([engine.name]);
  evidence.built({ engine: engine.name, reference: formatReference(recipe.reference) });
  const report = await buildImage({
    ...{ recipe, engine, dryRun, tool: context.tool, emit, signal, verbose: options.verbose ?? false },
    onExisting: asked === 'keep' ? 'error' : asked,
    ...(network === undefined ? {} : { network }),
    ...(isDated ? { created: timeToWrite(context) } : {}),
  });
  engine.close();
  if (dryRun) return { report, text: report.dockerfile.trimEnd(), raw: true };
  evidence.built(builtIn(report));
  // The image is there, whatever becomes of its ways to others.
  const delivered = await orError(deliver(session, options, report, found, evidence), signal);
  const { targets, errors } = 'error' in delivered ? { targets: [], errors: [delivered.error] } : delivered;
  const all = { ...report, targets: [...targets] };
  if (writeBundle === undefined) return outcomeOf(all, on, errors);
  const written = await orError(writeBundle(report), signal);
  if ('error' in written) return outcomeOf(all, on, [...errors, written.error]);
  return outcomeOf({ ...all, bundle: written }, on, errors);
}

async function orError<T>(work: Promise<T>, signal: AbortSignal): Promise<T | { error: PackferryError }> {
  try {
    return await work;
  } catch (fault) {
    signal.throwIfAborted();
    return { error: asPackferryError(fault) };
  }
}

/** Brings the image on, as `copy` does. */
async function deliver(
  session: Session,
  options: BuildCommandOptions,
  { reference, platform }: BuildReport,
  found: readonly FoundTarget[],
  evidence: Evidence,
): Promise<{ targets: readonly TargetReport[]; errors: readonly PackferryError[] }> {
  if (found.length === 0) return { targets: [], errors: [] };
  const { context, emit, signal } = session;
  const manifest = { registries: new Map(), path: '' };
  return withRegistries(session, manifest, { ...options, jobs: 4 }, async (registries) => {
    const sources = new Sources({
      ...{ registries, emit, signal, environment: context.env, now: context.now },
      spoolDir: path.join(cacheFolderOf(context), 'spool'),
      trustedKeys: () => trustedKeys(context, {}, emit),
      ssh: sshAccess(session, options),
    });
    const targets = await openUsableTargets(found, signal, options.targetsAtOnce);
    try {
      const { report, errors } = await copyImages({
        ...{ names: [reference], from: [parseSource(options.on, (text) => text)], sources, targets },
        ...{ platform, retag: [], emit, signal, jobs: 1, dryRun: false, keepGoing: true },
        ...paceOf(options),
        onExisting: onExisting(context, options.onExisting),
        begin: (images) => {
          evidence.found(images);
          return Promise.resolve();
        },
        onBrought: evidence.image,
      });
      return { targets: report.targets, errors };
    } finally {
      await closeTargets(targets);
      await sources.close();
    }
  });
}

function builtIn({ engine, reference, id, base, dockerfile }: BuildReport): NonNullable<Receipt['built']> {
  const sha256 = createHash('sha256').update(dockerfile).digest('hex');
  return { engine, reference, ...(id === undefined ? {} : { id }), base, dockerfile: sha256 };
}

function outcomeOf(report: BuildReport, on: string, errors: readonly PackferryError[]): Built {
  const { reference, id = '', engine, base, targets, bundle } = report;
  const built = table(
    [{ reference, id }],
    [
      { title: 'IMAGE', value: (image) => image.reference },
      { title: 'ID', value: (image) => image.id },
    ],
  );
  const isBroughtOn = targets.length > 0 || bundle !== undefined;
  const next = isBroughtOn
    ? [
        ...(targets.length === 0 ? [] : deliverySummary(reference, { targets, dryRun: false })),
        ...(bundle === undefined ? [] : [exportSummary(bundle)]),
      ]
    : [
        `To have it elsewhere: packferry copy ${reference} --from ${on} --to ENDPOINT. For a bundle, write below "images:" of the manifest: - { reference: ${reference}, from: "${on}" }`,
      ];
  return {
    report,
    text: [built, ...(targets.length === 0 ? [] : [deliveryTable({ targets, dryRun: false })])].join('\n\n'),
    summary: [`Built ${reference} on ${engine}, on top of ${base.reference}.`, ...next]
      .map(visible)
      .join('\n'),
    errors,
  };
}
