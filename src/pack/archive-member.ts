import { PackferryError } from '../core/errors.ts';
import { formatSize } from '../core/size.ts';
import type { ArchiveBudget } from './archive-budget.ts';

/** A member of an archive as its directory or header tells. */
export interface Member {
  /** As it is stored, but with forward slashes. */
  readonly name: string;
  readonly kind: 'file' | 'folder' | 'link' | 'other';
}

export interface ReadOptions {
  /** The path of the archive, for messages. */
  readonly path: string;
  /** The limit in bytes of the member with this number (they count from 0), if its content is wanted. */
  readonly limitOf: (index: number) => number | undefined;
  readonly budget: ArchiveBudget;
  readonly signal: AbortSignal | undefined;
}

/** A member in passing, with its content if that was wanted: the bytes, or why it cannot be had. */
export interface PassingMember {
  readonly member: Member;
  readonly content: Buffer | PackferryError | undefined;
}

export function tooLarge(name: string, size: number, limit: number): PackferryError {
  const what = `${formatSize(size)}, over the limit of ${formatSize(limit)}`;
  return new PackferryError('E_PACK_INVALID', `${name}: ${what}`, {
    hint: 'What packs hold is much smaller: take it out of the archive.',
  });
}
