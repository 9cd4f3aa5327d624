import type { Digest } from '../../core/digest.ts';
import { foreignLayers, type WrittenLayer } from '../../core/foreign-layers.ts';
import { parseConfig, type ImageConfig } from '../oci-documents.ts';
import { blobPath } from '../save-documents.ts';
import { shownName } from '../tar/archive-fault.ts';
import type { SaveFiles } from './read-save.ts';
import type { SaveFile } from './save-file.ts';
import { documentOf, type GraphManifest } from './save-graph.ts';
import type { KeptManifest } from './saved-image.ts';

/** What the OCI documents of a save know of one config. */
export interface Leading {
  /** Of the manifests that name the config, and of the indexes above them. */
  readonly digests: readonly Digest[];
  /** As an index says, of the first of these manifests. */
  readonly platform: GraphManifest['platform'];
  /** The first of these manifests that can be kept. */
  readonly kept: KeptManifest | undefined;
  /** Where none can be: layers that may not be carried, by any of them. */
  readonly foreign: readonly WrittenLayer[];
}

const nothing: Leading = { digests: [], platform: undefined, kept: undefined, foreign: [] };

/**
 * The documents of a save, each read once: ten thousand entries may name one config of some MiB, and as many manifests
 * may lead to it.
 */
export class KnownDocuments {
  readonly save: SaveFiles;
  readonly #configs = new Map<SaveFile, ImageConfig>();
  readonly #byConfig = new Map<string, GraphManifest[]>();
  readonly #leading = new Map<string, Leading>();
  readonly #kept = new Map<GraphManifest['document'], KeptManifest | undefined>();

  constructor(save: SaveFiles, graph: readonly GraphManifest[]) {
    this.save = save;
    for (const entry of graph) {
      const config = blobPath(entry.document.config);
      const others = this.#byConfig.get(config);
      if (others === undefined) this.#byConfig.set(config, [entry]);
      else others.push(entry);
    }
  }

  /** Throws `E_IMAGE_MALFORMED`, `E_JSON_INVALID`. */
  config(file: SaveFile): Pick<ImageConfig, 'diffIds'> & { readonly platform: Omit<ImageConfig, 'diffIds'> } {
    const name = `${this.save.archive}: ${shownName(file.name)}`;
    const known = this.#configs.get(file) ?? parseConfig(documentOf(file, name), name);
    this.#configs.set(file, known);
    const { diffIds, ...platform } = known;
    return { diffIds, platform };
  }

  /** What leads to the config that lies under this name. */
  leadingTo(config: string): Leading {
    const known = this.#leading.get(config) ?? this.#lead(this.#byConfig.get(config) ?? []);
    this.#leading.set(config, known);
    return known;
  }

  /**
   * The manifest if it can be kept: every layer may be carried and is there, compressed, with the size and content that it says. That of
   * Docker's classic store names layers that are not compressed: it was made for the save, and is made anew here.
   */
  kept(entry: GraphManifest): KeptManifest | undefined {
    const { document } = entry;
    if (!this.#kept.has(document)) this.#kept.set(document, this.#keep(entry));
    return this.#kept.get(document);
  }

  #lead(own: readonly GraphManifest[]): Leading {
    const [first] = own;
    if (first === undefined) return nothing;
    const digests = new Set<Digest>();
    for (const one of own) for (const digest of one.digests) digests.add(digest);
    const kept = own.map((one) => this.kept(one)).find((one) => one !== undefined);
    const foreign = kept === undefined ? own.flatMap(({ document }) => foreignLayers(document.layers)) : [];
    return { digests: [...digests], platform: first.platform, kept, foreign };
  }

  #keep({ descriptor, document }: GraphManifest): KeptManifest | undefined {
    const { files } = this.save;
    const bytes = files.get(blobPath(descriptor))?.bytes;
    const config = files.get(blobPath(document.config));
    if (config?.size !== document.config.size) return undefined;
    const { diffIds } = this.config(config);
    const fits =
      foreignLayers(document.layers).length === 0 &&
      document.layers.length === diffIds.length &&
      document.layers.every((layer, at) => {
        const file = files.get(blobPath(layer));
        const isContent = file?.diffId === diffIds[at] || file?.diffId === 'unknown';
        return file?.size === layer.size && file.compression !== 'none' && isContent;
      });
    if (bytes?.length !== descriptor.size || !fits) return undefined;
    return { descriptor, bytes, config: document.config, layers: document.layers };
  }
}
