import { asPackferryError, PackferryError } from '../../core/errors.ts';
import { limits } from '../../core/limits.ts';
import { sumUp } from '../../core/sum-up.ts';
import { decodeText, readFile } from '../../pack/read-file.ts';
import { parseRequirement, shown, type Requirement } from './requirement.ts';

/** Reads a requirements file of pip. Throws `E_BUILD_INVALID` with every line that is wrong. */
export async function readRequirementsFile(file: string): Promise<readonly Requirement[]> {
  const code = 'E_BUILD_INVALID';
  const bytes = await readFile(file, { code, maxBytes: limits.requirementsFile }).catch((fault: unknown) => {
    if (!(fault instanceof PackferryError) || fault.hint !== undefined) throw fault;
    const hint = 'Name the file that "pip install --requirement FILE" would take.';
    throw new PackferryError(code, fault.message, { hint, cause: fault.cause });
  });
  return parseRequirementsFile(decodeText(bytes, file, code), file);
}

/**
 * Reads the lines of a requirements file: requirements with their hashes, comments, and lines that go on behind a
 * backslash (https://pip.pypa.io/en/stable/reference/requirements-file-format/). Lines with options of pip are refused:
 * they could lead to other indexes and other files.
 */
export function parseRequirementsFile(text: string, file: string): readonly Requirement[] {
  const requirements: Requirement[] = [];
  const faults: PackferryError[] = [];
  for (const { number, line } of logicalLines(text)) {
    try {
      requirements.push(parseLine(line));
    } catch (fault) {
      const error = asPackferryError(fault);
      faults.push(error.with(`${file}:${number}: ${error.message}`));
    }
  }
  if (faults.length > 0) throw sumUp('E_BUILD_INVALID', file, faults);
  return requirements;
}

interface LogicalLine {
  /** Of its first line, from 1. */
  readonly number: number;
  readonly line: string;
}

function logicalLines(text: string): LogicalLine[] {
  const lines: LogicalLine[] = [];
  let open: LogicalLine | undefined;
  for (const [at, raw] of text
    .replace(/^\uFEFF/, '')
    .split(/\r?\n/)
    .entries()) {
    // A comment ends at the end of its line, also behind a backslash.
    const isComment = /^\s*#/.test(raw);
    const line = raw.replace(/(?:^|\s)#.*$/, '');
    const goesOn = !isComment && line.endsWith('\\');
    const own = goesOn ? line.slice(0, -1) : line;
    const joined: LogicalLine = { number: open?.number ?? at + 1, line: `${open?.line ?? ''}${own}` };
    open = goesOn ? joined : undefined;
    if (!goesOn) lines.push(joined);
  }
  if (open !== undefined) lines.push(open);
  return lines.filter(({ line }) => line.trim() !== '');
}

function parseLine(line: string): Requirement {
  const [written = '', ...options] = line.trim().split(/\s+(?=--)/);
  const hashes = options.map((option) => {
    const [, hash] = /^--hash[=\s]\s*sha256:([0-9a-f]{64})$/.exec(option.trim()) ?? [];
    if (hash !== undefined) return hash;
    throw new PackferryError('E_BUILD_INVALID', `${shown(option)} is not taken`, {
      hint: 'Of the options of a line only --hash=sha256:HEX is.',
    });
  });
  return { ...parseRequirement(written), hashes };
}
