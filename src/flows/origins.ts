import type { LockedImage } from '../core/image.ts';
import type { ImageSource } from '../core/ports.ts';
import { lockedNameOf, parseReference, type ImageReference } from '../core/reference.ts';
import { Chain, tellingOnce, type KnownTags } from './chain.ts';
import { matchesImage } from './exclude.ts';
import type { ManifestImage, ManifestOrigin } from './manifest.ts';
import type { SourceEndpoint } from './source-endpoint.ts';
import { Sources, type SourcesOptions } from './sources.ts';

/** What a manifest says of where images come from. */
export interface Origins {
  readonly images: readonly ManifestImage[];
  readonly origins: readonly ManifestOrigin[];
}

/** Everything that images come from, as one source. */
export interface ManifestSource extends ImageSource {
  /** The tags of the image, where it comes from. */
  listTags(reference: ImageReference, signal?: AbortSignal): Promise<KnownTags>;
  /** The same, which asks for each of these images first where it came from before. */
  preferring(images: readonly Pick<LockedImage, 'reference' | 'source'>[]): ImageSource;
}

/** Where an image comes from of which nothing else is said. */
const ownRegistry: SourceEndpoint = { url: 'registry:', scheme: 'registry', rest: '' };

/**
 * The source of a manifest: images with an origin come from there, and only from there; all others from the registries
 * that they are named after. They keep their own names, so nothing behind this source knows the difference. Digests are
 * checked as ever.
 */
export function openManifestSource(manifest: Origins, options: SourcesOptions): ManifestSource {
  const sources = new Sources(options);
  const tell = tellingOnce(options.emit);
  const chains = new Map<readonly SourceEndpoint[], Chain>();
  const chainOf = (endpoints: readonly SourceEndpoint[]): Chain => {
    const links = endpoints.map((endpoint) => ({ endpoint, open: () => sources.open(endpoint) }));
    const chain = chains.get(endpoints) ?? new Chain(links, tell);
    chains.set(endpoints, chain);
    return chain;
  };
  const find = originFinder(manifest);
  const usual = [ownRegistry];
  const onSite = new Map<readonly SourceEndpoint[], readonly SourceEndpoint[]>();
  const chainFor = (reference: ImageReference): Chain => {
    const endpoints = find(reference) ?? usual;
    if (!isBuiltOnSite(reference)) return chainOf(endpoints);
    const others = onSite.get(endpoints) ?? withoutOwnRegistry(endpoints);
    onSite.set(endpoints, others);
    return chainOf(others);
  };
  const { registries } = options;
  const source: ImageSource = {
    name: registries.name,
    resolve: (reference, platform, signal) => chainFor(reference).resolve(reference, platform, { signal }),
    openBlob: (image, blob, blobOptions) =>
      chainFor(parseReference(image.reference)).openBlob(image, blob, blobOptions),
    splits: (image) => chainFor(parseReference(image.reference)).splits(image),
    close: () => sources.close(),
  };
  return {
    ...source,
    listTags: (reference, signal) => chainFor(reference).listTags(reference, signal),
    preferring: (images) => {
      const before = new Map(images.map(({ reference, source: url }) => [reference, url]));
      return {
        ...source,
        resolve: (reference, platform, signal) => {
          const preferred = before.get(lockedNameOf(reference));
          return chainFor(reference).resolve(reference, platform, { signal, preferred });
        },
      };
    },
  };
}

/**
 * Hosts under which XSOAR and Podman know images that were built on site and that no registry has. One that runs there
 * all the same can be named: registry://localhost.
 */
const siteHosts: readonly string[] = ['localhost', 'localhost.local'];

function isBuiltOnSite({ registry }: ImageReference): boolean {
  return siteHosts.includes(registry);
}

/** Where there is anything else to ask, nobody is to wait for a registry that is not there to answer. */
function withoutOwnRegistry(endpoints: readonly SourceEndpoint[]): readonly SourceEndpoint[] {
  const others = endpoints.filter(({ scheme, rest }) => scheme !== 'registry' || rest !== '');
  return others.length === 0 ? endpoints : others;
}

/** The patterns that name none of the images. */
export function unusedOrigins(
  { origins }: Origins,
  wanted: readonly { readonly reference: ImageReference }[],
): readonly ManifestOrigin[] {
  return origins.filter(({ pattern }) => !wanted.some(({ reference }) => matchesImage(pattern, reference)));
}

/** What the manifest says of an image by its name counts for more than what a pattern says. */
function originFinder({
  images,
  origins,
}: Origins): (reference: ImageReference) => readonly SourceEndpoint[] | undefined {
  const named = new Map(
    images.flatMap(({ reference, from }) => (from === undefined ? [] : [[lockedNameOf(reference), from]])),
  );
  return (reference) =>
    named.get(lockedNameOf(reference)) ??
    origins.find(({ pattern }) => matchesImage(pattern, reference))?.from;
}
