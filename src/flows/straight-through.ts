import type { ImageSource, ImageTarget } from '../core/ports.ts';
import { lockedNameOf, type ImageReference } from '../core/reference.ts';
import type { SourceEndpoint } from './source-endpoint.ts';
import type { Sources } from './sources.ts';

/**
 * The engine from which images go straight into another one, where both call images by their config: it resolves to images
 * that are unpacked, and has nothing saved for it. Undefined where they need to have manifests: with several sources or
 * targets, other targets, and names that have digests.
 */
export async function straightThrough(
  references: readonly ImageReference[],
  from: readonly SourceEndpoint[],
  targets: readonly ImageTarget[],
  sources: Sources,
): Promise<ImageSource | undefined> {
  const [endpoint, ...others] = from;
  const [target, ...more] = targets;
  if (endpoint === undefined || others.length > 0 || more.length > 0 || target?.takesSaves !== true)
    return undefined;
  if (!engines.has(endpoint.scheme) || references.some(({ digest }) => digest !== undefined))
    return undefined;
  const source = await sources.open(endpoint);
  const { unpacked } = source;
  if (unpacked === undefined) return undefined;
  return {
    name: endpoint.url,
    resolve: async (reference, platform, signal) => {
      const image = await unpacked.resolve(reference, platform, signal);
      return { ...image, reference: lockedNameOf(reference), source: endpoint.url };
    },
    openBlob: (image, blob, options) => source.openBlob(image, blob, options),
    unpacked,
    close: () => Promise.resolve(),
  };
}

const engines: ReadonlySet<SourceEndpoint['scheme']> = new Set(['docker', 'podman', 'ssh']);
