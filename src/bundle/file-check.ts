import type { DamagedFile, FileResult, LostBlob } from '../core/damage.ts';
import { PackferryError } from '../core/errors.ts';

/** What came of the check of one file. */
export interface FileCheck {
  readonly result: FileResult;
  /** What is wrong with it, in words. None when it is good. */
  readonly fault?: PackferryError;
  /** The same for programs. */
  readonly damaged?: DamagedFile;
  readonly lost: readonly LostBlob[];
}

/** The error for a file of the signed list that is not there. */
export function missingFile(name: string): PackferryError {
  return new PackferryError('E_BUNDLE_INCOMPLETE', `${name} is missing`, {
    hint: 'Copy the file again from where the bundle was made.',
  });
}
