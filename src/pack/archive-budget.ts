import { PackferryError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import { formatSize } from '../core/size.ts';

/** Counts what an archive and the archives in it give, so that a small file cannot take all time and memory. */
export class ArchiveBudget {
  readonly #path: string;
  readonly #most: number;
  #content = 0;
  #members = 0;

  /** @param size of the outermost archive, in bytes */
  constructor(path: string, size: number) {
    this.#path = path;
    this.#most = Math.min(
      limits.archiveContent,
      Math.max(limits.archiveContentOfAny, size * limits.archiveRatio),
    );
  }

  /** Bytes that are about to be, or just were, decompressed. Throws `E_PACK_INVALID` when it is too much. */
  spend(bytes: number): void {
    this.#content += bytes;
    if (this.#content > this.#most) throw this.#over(`more than ${formatSize(this.#most)} of content`);
  }

  /** One more file, folder or link. Throws `E_PACK_INVALID` when there are too many. */
  count(): void {
    this.#members += 1;
    // Tar archives are read twice.
    if (this.#members > 2 * limits.archiveMembers) throw this.#over('too many members');
  }

  #over(what: string): PackferryError {
    return new PackferryError('E_PACK_INVALID', `${this.#path}: ${what} in the archive`, {
      hint: 'If it is really meant, unpack it and name the folder.',
    });
  }
}
