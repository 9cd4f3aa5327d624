/** A file of a pack, wherever the pack lies. What scans packs knows files only in this shape. */
export interface PackFile {
  /** The id of the pack and the path inside it, with forward slashes. */
  readonly file: string;
  /** Where it really is, for messages. */
  readonly path: string;
  /** Equal for one and the same file, by whatever way it was found. */
  readonly identity: string;
  /** Reads it whole, up to `maxBytes`. Throws `E_PACK_INVALID`. */
  read(maxBytes: number, signal?: AbortSignal): Promise<Uint8Array>;
}

/** A pack, or loose items under the name of the folder or file in which they were found. */
export interface FoundPack {
  readonly id: string;
  /** Where it really is. */
  readonly path: string;
  readonly identity: string;
  /** `pack_metadata.json`, when there is one. */
  readonly metadata: PackFile | undefined;
  /** Every YAML file that may be an item, in the order of their paths. */
  readonly files: readonly PackFile[];
}
