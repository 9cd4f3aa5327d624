import { asPackferryError, PackferryError } from '../../core/errors.ts';
import { limits } from '../../core/limits.ts';
import {
  readBuiltMetadata,
  readChangelog,
  readState,
  type MarketplaceState,
  type PackVersion,
} from './documents.ts';
import { refuseAborted } from './fault.ts';
import { isPackId } from './pack-names.ts';
import { compareVersions } from './versions.ts';
import { Zip } from './zip.ts';

/** A pack as the index has it, in its current version. */
export interface MarketplacePack extends PackVersion {
  readonly id: string;
  readonly name: string;
  readonly version: string;
}

const memberPattern = /^index\/([^/]+)\/(?:metadata(?:-(.+))?|changelog)\.json$/;
const stateMember = 'index/index.json';

/** The index of a marketplace: its `index.zip`, of which the current versions are held in memory. */
export class PackIndex {
  readonly state: MarketplaceState;
  /** By id. Those whose metadata have mistakes are in `faults` instead. */
  readonly packs: ReadonlyMap<string, MarketplacePack>;
  readonly faults: ReadonlyMap<string, PackferryError>;
  readonly #zip: Zip;
  /** The versions of which the index has the metadata, besides the current ones. */
  readonly #kept: ReadonlyMap<string, readonly string[]>;

  private constructor(zip: Zip, read: Pick<PackIndex, 'state' | 'packs' | 'faults'>) {
    this.#zip = zip;
    this.state = read.state;
    this.packs = read.packs;
    this.faults = read.faults;
    const kept = new Map<string, string[]>();
    for (const member of zip.members) {
      const [, id, version] = memberPattern.exec(member) ?? [];
      if (id === undefined || version === undefined) continue;
      kept.set(id, [...(kept.get(id) ?? []), version]);
    }
    this.#kept = kept;
  }

  /**
   * Opens an `index.zip` and reads the metadata of every pack. It must be closed. Throws `E_SOURCE_PROTOCOL` or
   * `E_LIMIT_EXCEEDED` when the archive is none or damaged; what is wrong with a single pack is in `faults`.
   */
  static async open(file: string, what: string, signal: AbortSignal | undefined): Promise<PackIndex> {
    const zip = await Zip.open(file, {
      what,
      wanted: (member) => member === stateMember || memberPattern.test(member),
    });
    try {
      return new PackIndex(zip, await readAll(zip, what, signal));
    } catch (fault) {
      zip.close();
      throw fault;
    }
  }

  /** The metadata of a version, or undefined when the index does not have them. */
  async versionOf(id: string, version: string): Promise<PackVersion | undefined> {
    const current = this.packs.get(id);
    if (current?.version === version) return current;
    const member = `index/${id}/metadata-${version}.json`;
    const bytes = await this.#zip.read(member, limits.marketplaceDocument);
    if (bytes === undefined) return undefined;
    const read = readBuiltMetadata(bytes, member);
    if ((read.id ?? id) === id && (read.version ?? version) === version) return read;
    throw new PackferryError(
      'E_PACK_INVALID',
      `${member}: is of ${read.id ?? id} ${read.version ?? version}`,
    );
  }

  /** Every version that the index knows of, the newest first. */
  async versionsOf(id: string): Promise<string[]> {
    const member = `index/${id}/changelog.json`;
    const bytes = await this.#zip.read(member, limits.marketplaceDocument);
    const current = this.packs.get(id)?.version;
    const known = new Set([
      ...(current === undefined ? [] : [current]),
      ...(this.#kept.get(id) ?? []),
      ...(bytes === undefined ? [] : versionsIn(bytes, member)),
    ]);
    return [...known].sort((a, b) => compareVersions(b, a));
  }

  close(): void {
    this.#zip.close();
  }
}

/** A changelog only helps to guess, since the bucket has the last word: one with mistakes knows nothing. */
function versionsIn(changelog: Uint8Array, member: string): string[] {
  try {
    return readChangelog(changelog, member);
  } catch {
    return [];
  }
}

async function readAll(
  zip: Zip,
  what: string,
  signal: AbortSignal | undefined,
): Promise<Pick<PackIndex, 'state' | 'packs' | 'faults'>> {
  const packs = new Map<string, MarketplacePack>();
  const faults = new Map<string, PackferryError>();
  for (const member of zip.members) {
    const id = /^index\/([^/]+)\/metadata\.json$/.exec(member)?.[1];
    if (id === undefined) continue;
    refuseAborted(signal, what);
    const bytes = await zip.read(member, limits.marketplaceDocument);
    if (bytes === undefined) continue;
    try {
      packs.set(id, currentOf(id, readBuiltMetadata(bytes, member), member));
    } catch (fault) {
      faults.set(id, asPackferryError(fault));
    }
  }
  if (packs.size === 0) throw empty(what, [...faults.values()]);
  const state = await zip.read(stateMember, limits.marketplaceDocument);
  return {
    packs,
    faults,
    state: state === undefined ? { revision: undefined, paid: new Set() } : readState(state, stateMember),
  };
}

/** The folder is what the bucket knows a pack by, so it is the id; metadata that tell another one are not of this pack. */
function currentOf(folder: string, read: PackVersion, member: string): MarketplacePack {
  if (!isPackId(folder)) {
    throw new PackferryError('E_PACK_INVALID', `${member}: the folder is no id of a pack`);
  }
  const { id = folder, name = folder, version } = read;
  if (id !== folder) {
    throw new PackferryError('E_PACK_INVALID', `${member}: calls itself ${JSON.stringify(id)}`);
  }
  if (version === undefined)
    throw new PackferryError('E_PACK_INVALID', `${member}: currentVersion is missing`);
  return { ...read, id, name, version };
}

function empty(what: string, errors: readonly PackferryError[]): PackferryError {
  return new PackferryError('E_SOURCE_PROTOCOL', `${what}: no packs in it`, {
    hint: 'Check the address of the marketplace.',
    errors,
  });
}
