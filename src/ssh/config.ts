import { PackferryError } from '../core/errors.ts';
import type { Emit } from '../core/events.ts';
import { limits } from '../core/limits.ts';
import { filesOfPattern, readConfigText } from './config-file.ts';
import { matches, matchesHost } from './config-match.ts';
import { parseConfigLine } from './config-words.ts';

/** An ssh_config file. */
export interface ConfigPlace {
  readonly file: string;
  /** Where Include finds relative names: `~/.ssh` or `/etc/ssh`. */
  readonly folder: string;
  /** A file that was named must be there. */
  readonly isNeeded: boolean;
}

export interface ConfigQuestion {
  readonly places: readonly ConfigPlace[];
  /** The host as it was written. */
  readonly host: string;
  /** Settings that win over all files, for instance what the endpoint says. */
  readonly before: Readonly<Record<string, readonly string[]>>;
  readonly localUser: string;
  readonly home: string;
  readonly emit: Emit;
}

/** Settings of a host by keyword in lower case: the first value that a file has, all of them for those that add up. */
export type ConfigValues = ReadonlyMap<string, readonly string[]>;

/** Keywords that may be given several times. */
const addingUp: ReadonlySet<string> = new Set(['identityfile']);

/** Reads what the files say of one host (ssh_config(5)): the first value wins. Throws `E_SSH_CONFIG` with `file:line`. */
export async function readConfig(question: ConfigQuestion): Promise<ConfigValues> {
  const reading = new Reading(question);
  for (const place of question.places) await reading.read(place, 1, true);
  return reading.values;
}

class Reading {
  readonly values = new Map<string, readonly string[]>();
  readonly #question: ConfigQuestion;
  #files = 0;

  constructor(question: ConfigQuestion) {
    this.#question = question;
    for (const [keyword, words] of Object.entries(question.before)) this.#set(keyword, words);
  }

  /** `isWanted` is false in a file that a block of another host includes: nothing in it counts. */
  async read(place: ConfigPlace, depth: number, isWanted: boolean): Promise<void> {
    const text = await readConfigText(place);
    if (text === undefined) return;
    this.#files += 1;
    if (this.#files > limits.sshConfigFiles) throw fault(place.file, 'too many files are included');
    let isActive = isWanted;
    for (const [index, raw] of text.split('\n').entries()) {
      const at = `${place.file}:${index + 1}`;
      const line = parseConfigLine(raw);
      if (line === undefined) continue;
      if (typeof line === 'string') throw fault(at, line);
      const { keyword, words } = line;
      if (keyword === 'host') isActive = isWanted && matchesHost(words, this.#facts());
      else if (keyword === 'match') isActive = isWanted && this.#matches(words, at);
      else if (keyword === 'include') await this.#include(words, place, at, depth, isActive);
      else if (isActive) this.#set(keyword, words);
    }
  }

  #facts() {
    const { host, localUser } = this.#question;
    const hostName = this.values.get('hostname')?.[0]?.replaceAll('%h', host) ?? host;
    return { host, hostName, user: this.values.get('user')?.[0] ?? localUser, localUser };
  }

  #matches(words: readonly string[], at: string): boolean {
    const answer = matches(words, this.#facts());
    if (typeof answer === 'boolean') return answer;
    const message = `${at}: this block is passed over: "Match ${answer}" is not supported`;
    this.#question.emit({ type: 'note', level: 'info', message });
    return false;
  }

  async #include(
    words: readonly string[],
    place: ConfigPlace,
    at: string,
    depth: number,
    isWanted: boolean,
  ): Promise<void> {
    if (depth >= limits.sshConfigDepth) throw fault(at, 'Include is nested too deep');
    for (const word of words) {
      for (const file of await filesOfPattern(word, place.folder, this.#question.home))
        await this.read({ ...place, file, isNeeded: false }, depth + 1, isWanted);
    }
  }

  #set(keyword: string, words: readonly string[]): void {
    const before = this.values.get(keyword);
    if (before === undefined) this.values.set(keyword, words);
    else if (addingUp.has(keyword)) this.values.set(keyword, [...before, ...words]);
    // The first of the two that is set wins.
    if (keyword === 'proxyjump' && !this.values.has('proxycommand'))
      this.values.set('proxycommand', ['none']);
    if (keyword === 'proxycommand' && !this.values.has('proxyjump')) this.values.set('proxyjump', ['none']);
  }
}

function fault(at: string, why: string): PackferryError {
  return new PackferryError('E_SSH_CONFIG', `${at}: ${why}`, {
    hint: 'Mend the file ("ssh -G HOST" reads it, too), or name another one: --ssh-config FILE.',
  });
}
