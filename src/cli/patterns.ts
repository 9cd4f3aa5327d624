import { PackferryError } from '../core/errors.ts';
import { globFault } from '../core/glob.ts';

/** Patterns of images on the command line. Throws `E_USAGE` for one that is broken. */
export function checkPatterns(option: string, patterns: readonly string[] = []): readonly string[] {
  for (const pattern of patterns) {
    const fault = pattern === '' ? 'it is empty' : globFault(pattern);
    if (fault !== undefined)
      throw new PackferryError('E_USAGE', `${option} ${JSON.stringify(pattern)}: ${fault}`, {
        hint: "Write it as 'demisto/*' or 'registry.example/**'; without a tag all tags are meant.",
      });
  }
  return patterns;
}
