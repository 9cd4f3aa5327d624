import { PackferryError } from '../../core/errors.ts';
import { bundleNameOf, exportBuilt, manifestOfBuilt } from '../../flows/build/export-built.ts';
import type { BuildRecipe } from '../../flows/build/recipe.ts';
import { checkOutput } from '../../flows/export.ts';
import { parseSource } from '../../flows/source-endpoint.ts';
import type { BuildReport } from '../../schema/reports-build.ts';
import type { ExportReport } from '../../schema/reports.ts';
import type { Signers } from '../../trust/signer.ts';
import { termsOf, type TermsOptions } from '../bundle-terms.ts';
import { timeToWrite } from '../context.ts';
import type { Session } from '../session.ts';
import { openSigningKeys } from '../signing-keys.ts';
import { volumeSizeOf } from '../signing-options.ts';
import { withManifestSource, type SourceOptions } from './sources.ts';

export interface BuildExportOptions extends SourceOptions, TermsOptions {
  readonly on: string;
  readonly export?: string;
  readonly bundleName?: string;
  readonly key?: readonly string[];
  readonly passphraseFile?: readonly string[];
  readonly volumeSize?: string;
  readonly sequence?: number;
  readonly dryRun?: boolean;
}

/** Writes the built image into the bundle that was asked for. */
export type BundleWriter = (built: BuildReport) => Promise<ExportReport>;

/** Blobs of the spool that are written at the same time. */
const jobs = 4;

/**
 * What `--export` asks for; undefined without it. Everything that would be in its way is told before anything is built:
 * the folder, the keys, the name. Throws `E_USAGE`, `E_OUTPUT_EXISTS`, `E_OUTPUT_UNWRITABLE`, and what keys throw.
 */
export async function bundleWriter(
  session: Session,
  { reference }: BuildRecipe,
  options: BuildExportOptions,
): Promise<BundleWriter | undefined> {
  const { export: dir, bundleName, key, volumeSize } = options;
  if (dir === undefined) {
    refuseWithoutBundle(options);
    return undefined;
  }
  const name = bundleNameOf(reference, bundleName);
  const terms = termsOf(options);
  const size = volumeSize === undefined ? undefined : volumeSizeOf(volumeSize);
  const engine = parseSource(options.on, (text) => text);
  if (key === undefined || key.length === 0) {
    throw new PackferryError('E_USAGE', 'no signing key: every bundle is signed', {
      hint: 'Give --key FILE. "packferry keygen -o FILE" makes one.',
    });
  }
  await checkOutput(dir);
  // Nobody is asked for a passphrase where nothing is signed.
  if (options.dryRun === true) return undefined;
  const signers = await openSigningKeys(session, key, options.passphraseFile);
  return (built) => {
    const manifest = { ...manifestOfBuilt(name, built, engine, size), ...terms };
    return write(session, built, { dir, manifest, signers }, options);
  };
}

/** What would be said of a bundle, where none is asked for. */
function refuseWithoutBundle(options: BuildExportOptions): void {
  const { bundleName, sequence, volumeSize, audience, expiresAfter } = options;
  const given = Object.entries({
    '--bundle-name': bundleName,
    '--sequence': sequence,
    '--volume-size': volumeSize,
    '--audience': audience,
    '--expires-after': expiresAfter,
  }).filter(([, value]) => value !== undefined);
  if (given.length === 0) return;
  const names = given.map(([name]) => name).join(', ');
  throw new PackferryError('E_USAGE', `there is no bundle for ${names}`, {
    hint: 'Say where it is to be written: --export DIR.',
  });
}

async function write(
  session: Session,
  built: BuildReport,
  what: {
    readonly dir: string;
    readonly manifest: ReturnType<typeof manifestOfBuilt>;
    readonly signers: Signers;
  },
  options: BuildExportOptions,
): Promise<ExportReport> {
  const { context, emit, signal } = session;
  const { dir, manifest, signers } = what;
  const { sequence } = options;
  return withManifestSource(session, manifest, options, (source) =>
    exportBuilt(built, manifest, {
      ...{ dir, source, signers, jobs, emit, signal, owner: context.owner, tool: context.tool },
      now: timeToWrite(context),
      ...(sequence === undefined ? {} : { sequence }),
    }),
  );
}
