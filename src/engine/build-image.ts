import type { Readable } from 'node:stream';
import { PackferryError } from '../core/errors.ts';
import { engineWords, saysFull } from './engine-words.ts';

/** Which network the commands of a build have; `default` is the one that the engine gives its containers. */
export type BuildNetwork = 'none' | 'default' | 'host';

export interface BuildRequest {
  /** The image's reference, for messages. */
  readonly image: string;
  /** A tar of the folder, with its Dockerfile. */
  readonly context: Readable;
  readonly network: BuildNetwork;
  /** Ends the build: the engine then keeps nothing under a name. */
  readonly signal: AbortSignal;
  /** Called with every line that the engine, or a program that it runs, prints. */
  readonly onLine: (line: string) => void;
}

/** The last lines of a build, which tell why it failed; of some hundred thousand nobody needs the others. */
export class BuildTail {
  readonly #lines: string[] = [];
  readonly #onLine: (line: string) => void;
  #open = '';

  constructor(onLine: (line: string) => void) {
    this.#onLine = onLine;
  }

  /** Takes what was printed, cut anywhere. */
  take(text: string): void {
    const [first = '', ...rest] = text.split(/\r\n|\n|\r/);
    this.#open = `${this.#open}${first}`.slice(0, longest);
    for (const piece of rest) {
      this.#close();
      this.#open = piece.slice(0, longest);
    }
  }

  /** The end of all: the last lines. */
  end(): readonly string[] {
    this.#close();
    return this.#lines;
  }

  #close(): void {
    const line = this.#open.replaceAll(colour, '').trimEnd();
    this.#open = '';
    if (line === '') return;
    // What earlier steps printed has nothing to do with why this one fails.
    if (isStep(line)) this.#lines.length = 0;
    else this.#lines.push(line);
    if (this.#lines.length > kept) this.#lines.shift();
    this.#onLine(line);
  }
}

/** Does the engine say with this line that it begins with the next instruction? */
export function isStep(line: string): boolean {
  return /^step \d+\/\d+ ?:/i.test(line);
}

/** Docker paints errors of programs red, also where nobody looks. */
const colour = new RegExp(`${String.fromCharCode(27)}\\[[0-9;]*m`, 'g');

const kept = 12;
const longest = 2000;

interface KnownWords {
  readonly pattern: RegExp;
  readonly hint: string;
}

/** Why builds are known to fail, in the words of pip, apk, apt, dnf, runc and crun. */
const known: readonly KnownWords[] = [
  {
    pattern: /externally-managed-environment/i,
    hint: 'The Python of this base belongs to its system. Choose a base with one of its own, as demisto/python3-deb, or install the package of the system: --package python3-NAME.',
  },
  {
    pattern: /exec format error/i,
    hint: 'The base is for another processor than that of the engine.',
  },
  {
    pattern:
      /name resolution|name or service not known|network is unreachable|could not resolve|failed to establish a new connection|temporary error|dns: transient/i,
    hint: 'The build has no way to the index or the mirror. Without one: --wheels DIR. With one of your own: --index-url URL. Where containers have no network but their host has: --network host.',
  },
  {
    pattern: /do not match the hashes from the requirements file/i,
    hint: 'A file is another one than the requirements name: it was exchanged, damaged on the way, or made anew. Find out which before you write down its new hash.',
  },
  {
    pattern: /no matching distribution found|could not find a version that satisfies/i,
    hint: 'It is not there, or only for another Python or platform. A folder is filled for one by "pip download --only-binary=:all: --python-version 3.12 --platform manylinux2014_x86_64 -d DIR NAME" (musllinux_1_2_x86_64 for Alpine).',
  },
  {
    pattern:
      /unable to locate package|no such package|unable to find a match|no match for argument|no package matches/i,
    hint: 'The base has no package of this name in its repositories.',
  },
  {
    pattern:
      /\bpip\b[^|]*(?:executable file not found|no such file or directory)|(?:executable file|no such file)[^|]*\bpip\b/i,
    hint: 'The base has no pip: choose one with Python, as demisto/python3.',
  },
  {
    pattern: /has requirement .* but you have|which is not installed|is not supported on this platform/i,
    hint: 'The packages contradict each other, or what the base has. Name versions that fit, or leave the check out: --no-check.',
  },
];

/** The error for a build that an engine gave up: `E_BUILD_FAILED`, or `E_TARGET_FULL`. */
export function buildFailed(image: string, words: string, tail: readonly string[]): PackferryError {
  const before = tail.join(' | ').slice(-700);
  const all = `${before} ${words}`;
  if (saysFull(all)) {
    return new PackferryError('E_TARGET_FULL', `${image}: not built: ${engineWords(words)}`, {
      hint: 'Free space on the disk of the engine ("docker system df"), then run again.',
    });
  }
  const hint = known.find(({ pattern }) => pattern.test(all))?.hint;
  const said = `${image}: not built; the engine said: ${engineWords(words)}`;
  const message = before === '' ? said : `${said}; before that: ${engineWords(before)}`;
  return new PackferryError('E_BUILD_FAILED', message, {
    hint: hint ?? 'Run again with -v to see all that is printed.',
  });
}
