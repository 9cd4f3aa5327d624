import { PackferryError } from '../../core/errors.ts';
import { canonicalMarker } from './marker.ts';

/** A Python package that an image is to have. */
export interface Requirement {
  /** `requests[socks]==2.32.3 ; python_version >= '3.8'`, always written in this way. */
  readonly text: string;
  /** sha256 of the files that may be installed for it, in hex; without any, whatever the index gives. */
  readonly hashes: readonly string[];
}

const name = '[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?';
// PEP 440: the epoch or the first number comes first, perhaps behind a v.
const version = 'v?[0-9](?:[A-Za-z0-9._+!-]*[A-Za-z0-9])?';
const clause = `(?:===|==|!=|~=|<=|>=|<|>)\\s*${version}(?:\\.\\*)?`;
const shape = new RegExp(
  `^(?<name>${name})\\s*(?:\\[\\s*(?<extras>${name}(?:\\s*,\\s*${name})*)\\s*\\])?\\s*(?<clauses>${clause}(?:\\s*,\\s*${clause})*)?\\s*$`,
);

/** What pip would look for as a file. */
const fileName = /\.(?:whl|zip|tar|tgz|tbz|txz|tlz|gz|bz2|xz|lzma)$/i;

/** Longer ones nobody writes. */
const maxLength = 500;

/**
 * Reads a requirement as PEP 508 writes those that are named: name, extras, versions, environment marker. Those by URL are
 * refused, since nobody could say afterwards what was installed, and so is everything else that pip would take for an option.
 * Throws `E_BUILD_INVALID`.
 */
export function parseRequirement(written: string): Requirement {
  const [head = '', ...rest] = written.split(';');
  const marker = rest.length === 0 ? undefined : rest.join(';').trim();
  const groups = written.length > maxLength ? undefined : shape.exec(head.trim())?.groups;
  const { name: project = '', extras, clauses } = groups ?? {};
  if (groups === undefined || fileName.test(project)) throw invalid(written, head);
  const packed = (list: string): string => list.replaceAll(/\s+/g, '');
  const wanted = `${project}${extras === undefined ? '' : `[${packed(extras)}]`}${packed(clauses ?? '')}`;
  if (marker === undefined) return { text: wanted, hashes: [] };
  const condition = canonicalMarker(marker);
  if (condition === undefined) {
    throw new PackferryError(
      'E_BUILD_INVALID',
      `${shown(written)}: ${shown(marker)} is no environment marker`,
      { hint: 'Write it as in: tomli ; python_version < "3.11".' },
    );
  }
  return { text: `${wanted} ; ${condition}`, hashes: [] };
}

function invalid(written: string, head: string): PackferryError {
  const message = `${shown(written)} is no requirement of a Python package`;
  if (head.trim().startsWith('-')) {
    return new PackferryError('E_BUILD_INVALID', `${message}: options of pip are not taken`, {
      hint: 'packferry sets them itself: --wheels DIR for packages from a folder, --index-url URL for another index.',
    });
  }
  if (/@|[/\\]/.test(head) || fileName.test(head.trim())) {
    return new PackferryError('E_BUILD_INVALID', `${message}: addresses and files are not taken`, {
      hint: 'Put it into a folder as a wheel ("pip wheel" makes one), and name the folder and the package: --wheels DIR --python NAME==VERSION.',
    });
  }
  const several = severalIn(head, shape);
  if (several !== undefined) {
    return new PackferryError('E_BUILD_INVALID', message, {
      hint: `Each stands by itself: ${several.map((one) => `--python '${one}'`).join(' ')}; or a line each in a file: --requirements FILE.`,
    });
  }
  return new PackferryError('E_BUILD_INVALID', message, {
    hint: "Write it as NAME[EXTRA]==VERSION, for instance 'requests==2.32.3' or 'requests[socks]>=2.31,<3'.",
  });
}

/** What of a text would be right if it stood by itself: the vendor's command takes lists with commas. */
export function severalIn(text: string, grammar: RegExp): readonly string[] | undefined {
  const parts = text.split(/[\s,]+/).filter((part) => part !== '');
  return parts.length > 1 && parts.length <= 20 && parts.every((part) => grammar.test(part))
    ? parts
    : undefined;
}

/** A text as messages show it: quoted, and cut when it is long. */
export function shown(text: string): string {
  return JSON.stringify(text.length > 200 ? `${text.slice(0, 200)}...` : text);
}
