import { createHash } from 'node:crypto';
import type { Digest } from '../../core/digest.ts';
import { limits } from '../../core/limits.ts';
import { digestMismatch } from '../../core/verify-stream.ts';
import { archiveFault, shownName } from '../tar/archive-fault.ts';
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
      kind = kindOf(archive, member, head, budget);
      await kind.write(head);
    }
  }
  if (kind === undefined) {
    kind = kindOf(archive, member, head, budget);
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

function kindOf(archive: string, member: TarMember, head: Buffer, budget: DocumentBudget): Kind {
  const compression = compressionOf(head);
  if (compression !== 'none') {
    const layer = new LayerHash(compression);
    return {
      write: (chunk) => layer.write(chunk),
      end: async () => ({ compression, diffId: await layer.end() }),
    };
  }
  const isDocument = !looksLikeTar(head) && /^\s*[[{]/.test(head.toString('latin1', 0, 64));
  if (isDocument && member.size <= maxDocument) return documentKind(archive, member, budget);
  return {
    write: () => Promise.resolve(),
    end: (digest) => Promise.resolve({ compression, diffId: digest }),
  };
}

const maxDocument = Math.max(limits.saveManifest, limits.layoutIndex, limits.imageConfig);

function documentKind(archive: string, member: TarMember, budget: DocumentBudget): Kind {
  budget.left -= member.size;
  if (budget.left < 0) {
    const most = limits.saveDocuments;
    throw archiveFault(archive, member.name, `the documents of the archive have over ${most} bytes`);
  }
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
