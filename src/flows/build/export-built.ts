import { PackferryError } from '../../core/errors.ts';
import { parseReference, type ImageReference } from '../../core/reference.ts';
import { judge } from '../../pack/policy.ts';
import { bundleSchema } from '../../schema/bundle.ts';
import type { BuildReport } from '../../schema/reports-build.ts';
import type { ExportReport } from '../../schema/reports.ts';
import { exportBundle, type ExportOptions } from '../export.ts';
import { defaultPolicy, emptyManifest, type ExportManifest } from '../manifest.ts';
import { warnOfFindings } from '../policy-errors.ts';
import { resolveAll, throwUnresolved } from '../resolve.ts';
import { withResolvedFindings } from '../resolved-findings.ts';
import type { Selection } from '../selection.ts';
import type { SourceEndpoint } from '../source-endpoint.ts';

/** Whoever signs the bundle has built the image: it is no third party's. */
const policy = { ...defaultPolicy, thirdParty: 'allow' } as const;

/**
 * The name of the bundle of an image: the stream in which newer ones take the place of older ones, so tags do not count.
 * Throws `E_USAGE` for a given one that is none.
 */
export function bundleNameOf({ registry, repository }: ImageReference, given?: string): string {
  const own = registry === 'docker.io' || registry.startsWith('localhost') ? [] : [registry];
  const made = [...own, ...repository.replace(/^library\//, '').split('/')].join('-');
  // Longer than a name may be: its end tells more.
  const name =
    given ??
    made
      .replaceAll(/[^a-z0-9._-]/g, '-')
      .slice(-64)
      .replace(/^[._-]+/, '');
  if (bundleSchema.shape.name.safeParse(name).success) return name;
  throw new PackferryError('E_USAGE', `${JSON.stringify(name)} is no name of a bundle`, {
    hint: 'Lower-case letters, digits, dot, dash and underscore, at most 64: --bundle-name soc-tools.',
  });
}

/** A manifest that asks for this image alone, from the engine that built it. */
export function manifestOfBuilt(
  name: string,
  { reference, platform }: Pick<BuildReport, 'reference' | 'platform'>,
  engine: SourceEndpoint,
  volumeSize = emptyManifest.volumeSize,
): ExportManifest {
  const image = { reference: parseReference(reference), from: [engine], file: '', line: 1, column: 1 };
  return { ...emptyManifest, name, images: [image], platform, policy, volumeSize };
}

/**
 * Writes an image that was just built into a signed bundle, as `export` does from a manifest. Throws `E_TAG_MOVED` where its
 * name stands for another image by now, and what `exportBundle` throws.
 */
export async function exportBuilt(
  { reference, id, engine }: Pick<BuildReport, 'reference' | 'id' | 'engine'>,
  manifest: ExportManifest,
  options: Omit<ExportOptions, 'selection' | 'resolved' | 'perImage' | 'keepGoing'>,
): Promise<ExportReport> {
  const { source, jobs, emit, signal } = options;
  const wanted = manifest.images.map((image) => ({ reference: image.reference, usedBy: [] }));
  const resolved = await resolveAll(wanted, { source, platform: manifest.platform, jobs, emit, signal });
  throwUnresolved(resolved);
  const [found] = resolved.images;
  if (
    found === undefined ||
    ![found.image.config.digest, found.image.manifest.digest].some((one) => one === id)
  ) {
    throw new PackferryError('E_TAG_MOVED', `${reference}: on ${engine} it is not ${id} any more`, {
      hint: 'Somebody has given the name to another image meanwhile. Nothing was written: build again.',
    });
  }
  const findings = judge(wanted, policy, new Map());
  warnOfFindings(findings, emit);
  const selection: Selection = { manifest, packs: [], wanted, excluded: [], findings };
  const judged = withResolvedFindings(selection, resolved, emit);
  return exportBundle({ ...options, selection: judged, resolved, perImage: false, keepGoing: false });
}
