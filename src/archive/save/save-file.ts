import { createHash } from 'node:crypto';
import type { Digest } from '../../core/digest.ts';
import { limits } from '../../core/limits.ts';
import { digestMismatch } from '../../core/verify-stream.ts';
import { shownName } from '../tar/archive-fault.ts';
import type { TarMember } from '../tar/read-tar.ts';
import {
  compressionOf,
  headSize,
  LayerHash,
  looksLikeTar,
  type Compression,
  type DiffId,
} from './layer-hash.ts';

/** A file of a save, after all of it was read once. */
export interface SaveFile {
  readonly name: string;
  /** Where its content lies in the archive, and how long it is, in bytes. */
  readonly offset: number;
  readonly size: number;
  readonly digest: Digest;
  readonly compression: Compression;
  /** The digest of its decompressed content; that of its content where nothing is compressed. */
  readonly diffId: DiffId;
  /** The content of what may be a JSON document. */
  readonly bytes?: Buffer;
}

/** Counts what is held in memory of one archive. */
export interface DocumentBudget {
  left: number;
}

/** Reads one member and says what it is. Its digest is checked against its name, where that holds one. */
export async function readSaveFile(
  archive: string,
  member: TarMember,
  content: AsyncIterable<Buffer>,
  budget: DocumentBudget,
): Promise<SaveFile> {
  const hash = createHash('sha256');
  let head: Buffer = Buffer.alloc(0);
  let kind: Kind | undefined;
  for await (const chunk of content) {
    hash.update(chunk);
    if (kind !== undefined) {
      await kind.write(chunk);
      continue;
    }
    head = Buffer.concat([head, chunk]);
    if (head.length >= headSize) {
      kind = kindOf(member, head, budget);
      await kind.write(head);
    }
  }
  if (kind === undefined) {
    kind = kindOf(member, head, budget);
    await kind.write(head);
  }
  const digest: Digest = `sha256:${hash.digest('hex')}`;
  const { name, offset, size } = member;
  const file = { name, offset, size, digest, ...(await kind.end(digest)) };
  checkName(archive, file);
  return file;
}

type Found = Pick<SaveFile, 'compression' | 'diffId' | 'bytes'>;

interface Kind {
  write(chunk: Buffer): Promise<void>;
  end(digest: Digest): Promise<Found>;
}

function kindOf(member: TarMember, head: Buffer, budget: DocumentBudget): Kind {
  const compression = compressionOf(head);
  if (compression !== 'none') {
    const layer = new LayerHash(compression);
    return {
      write: (chunk) => layer.write(chunk),
      end: async () => ({ compression, diffId: await layer.end() }),
    };
  }
  if (isDocument(member, head, budget)) return documentKind();
  return {
    write: () => Promise.resolve(),
    end: (digest) => Promise.resolve({ compression, diffId: digest }),
  };
}

/** The documents that tell of all others have room of their own. */
const main: Readonly<Record<string, number>> = {
  'manifest.json': limits.saveManifest,
  'index.json': limits.layoutIndex,
  'oci-layout': limits.layoutMarker,
};

const attestation = /^\s*\{\s*"_type"\s*:\s*"https:\/\/in-toto\.io\//;

/** Is the member to be held in memory? Attestations can be large, and are not used. */
function isDocument({ name, size }: TarMember, head: Buffer, budget: DocumentBudget): boolean {
  const start = head.toString('latin1');
  if (!/^\s*[[{]/.test(start) || looksLikeTar(head) || attestation.test(start)) return false;
  if (Object.hasOwn(main, name)) return size <= (main[name] ?? 0);
  if (size > Math.min(limits.imageConfig, budget.left)) return false;
  budget.left -= size;
  return true;
}

function documentKind(): Kind {
  const chunks: Buffer[] = [];
  return {
    write: (chunk) => {
      chunks.push(Buffer.from(chunk));
      return Promise.resolve();
    },
    end: (digest) => Promise.resolve({ compression: 'none', diffId: digest, bytes: Buffer.concat(chunks) }),
  };
}

const hex = '([0-9a-f]{64})';
/** Blobs of OCI layouts; configs of `docker save` and Podman, and of crane. */
const byDigest = new RegExp(`^(?:blobs/sha256/${hex}|${hex}\\.json|sha256:${hex})$`);
/** Layers of Podman and skopeo (by diff ID) and of crane (by digest). */
const layerName = new RegExp(`^${hex}\\.tar(?:\\.gz)?$`);

function checkName(archive: string, file: SaveFile): void {
  const [, blob, config, craneConfig] = byDigest.exec(file.name) ?? [];
  const promised = blob ?? config ?? craneConfig;
  if (promised !== undefined && file.digest !== `sha256:${promised}`) {
    throw digestMismatch(`${archive}: ${shownName(file.name)}`, `sha256:${promised}`, file.digest);
  }
  const layer = layerName.exec(file.name)?.[1];
  if (layer === undefined || file.diffId === 'unknown') return;
  if (![file.digest, file.diffId].includes(`sha256:${layer}`)) {
    throw digestMismatch(`${archive}: ${shownName(file.name)}`, `sha256:${layer}`, file.digest);
  }
}
