import { PackferryError, type ErrorCode, type ErrorExtras } from '../core/errors.ts';
import type { YamlFile, YamlPath } from '../core/yaml.ts';

export { formatPath } from '../core/yaml.ts';

/** Something wrong in a YAML file, by the path of the value. */
export interface Mistake extends Pick<ErrorExtras, 'hint' | 'cause'> {
  readonly path: YamlPath;
  /** The key is wrong, not its value. */
  readonly atKey?: boolean;
  readonly message: string;
}

/** The errors for mistakes, with file, line and column, in the order of the file. */
export function errorsOf(
  file: YamlFile,
  mistakes: readonly Mistake[],
  code: ErrorCode = 'E_MANIFEST_INVALID',
): PackferryError[] {
  return mistakes
    .map((mistake) => ({
      mistake,
      at: mistake.atKey ? file.locateKey(mistake.path) : file.locate(mistake.path),
    }))
    .sort((a, b) => a.at.line - b.at.line || a.at.column - b.at.column)
    .map(({ mistake: { message, hint, cause }, at: { line, column } }) => {
      const extras = { ...(hint === undefined ? {} : { hint }), cause };
      return new PackferryError(code, `${file.name}:${line}:${column}: ${message}`, extras);
    });
}
