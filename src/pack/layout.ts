/** Where something lies. */
export interface Place {
  /** For messages: the path as the caller wrote it; of a member of an archive, the archive, `!` and the member. */
  readonly path: string;
  /** Equal for one and the same thing, by whatever way it was found. */
  readonly identity: string;
}

/** A file of a pack, wherever the pack lies. What scans packs knows files only in this shape. */
export interface PackFile extends Place {
  /** The path inside the pack, with forward slashes. */
  readonly inside: string;
  /** Reads it whole. Throws `E_PACK_INVALID`, also when it is over its limit. */
  read(signal?: AbortSignal): Promise<Uint8Array>;
}

/** A pack, or loose items under the name of the folder, archive or file in which they were found. */
export interface FoundPack extends Place {
  /** The name of its folder or archive. */
  readonly name: string;
  /** `pack_metadata.json`, when there is one. */
  readonly metadata: PackFile | undefined;
  /** The `metadata.json` that builds and contributions write, when there is one. */
  readonly builtMetadata: PackFile | undefined;
  /** The zip file that is this pack as it was built, with the pack at its top: it can be uploaded as it is. */
  readonly zip?: string;
  /** Every YAML file that may be an item, in the order of their paths. */
  readonly files: readonly PackFile[];
  /** Is it one item that was named itself, so that its file stands in no pack? */
  readonly isSingle: boolean;
}

/** The pack and the path inside it, as uses name files; a single item has no pack in front. */
export function labelOf({ inside }: PackFile, { isSingle, name }: FoundPack, id = name): string {
  return isSingle ? inside : `${id}/${inside}`;
}
