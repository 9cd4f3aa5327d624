import { PackferryError } from '../../core/errors.ts';
import { limits } from '../../core/limits.ts';
import { sumUp } from '../../core/sum-up.ts';
import type { Position } from '../../core/yaml.ts';
import { expandRanges } from './range.ts';
import { isHostName, type HostSettings, type Variable } from './settings.ts';

/** Where something stands; looked up only where it is told, since that takes long in large files. */
export type Place = () => Position;

/** A group as it stands in a file. */
export interface DraftGroup {
  readonly name: string;
  readonly hosts: Set<string>;
  /** With the place where each is named. */
  readonly children: Map<string, Place>;
  settings: HostSettings;
  /** Is it a group that the file defines, and not one that is only named somewhere? */
  isDefined: boolean;
}

export interface DraftHost {
  readonly name: string;
  readonly at: Place;
  settings: HostSettings;
}

/** The group of all hosts, which every file has. */
export const allGroup = 'all';

/** What the readers of hosts files have in common: what was read so far, and every mistake with its place. */
export class HostsDraft {
  readonly file: string;
  readonly groups = new Map<string, DraftGroup>();
  readonly hosts = new Map<string, DraftHost>();
  /** Names of variables that were passed over. */
  readonly secrets = new Set<string>();
  readonly ofSsh = new Set<string>();
  readonly #mistakes: { readonly at: Position; readonly error: PackferryError }[] = [];
  #isFull = false;

  constructor(file: string) {
    this.file = file;
    this.group(allGroup).isDefined = true;
  }

  /** Notes a mistake. No text of the file belongs into it that may hold a password. */
  mistake(at: Place, message: string, hint?: string): void {
    const extras = hint === undefined ? {} : { hint };
    const { line, column } = at();
    const where = `${this.file}:${line}:${column}`;
    this.#mistakes.push({
      at: { line, column },
      error: new PackferryError('E_HOSTS_INVALID', `${where}: ${message}`, extras),
    });
  }

  /** The group of this name, made when it is not there. */
  group(name: string): DraftGroup {
    const known = this.groups.get(name);
    if (known !== undefined) return known;
    const group = {
      name,
      hosts: new Set<string>(),
      children: new Map<string, Place>(),
      settings: {},
      isDefined: false,
    };
    this.groups.set(name, group);
    return group;
  }

  /** The group of this name, which is defined here; undefined where that is a mistake, which is noted. */
  define(name: string, at: Place): DraftGroup | undefined {
    if (!/^[^\s:,!&@[\]{}\p{Cc}]{1,255}$/u.test(name) || name.startsWith('-')) {
      this.mistake(at, 'no name of a group: it has neither spaces nor any of : , ! & @ [ ] { }');
      return undefined;
    }
    if (!this.groups.has(name) && this.groups.size >= limits.hostGroups) {
      this.#over(at, `more than ${limits.hostGroups} groups`);
      return undefined;
    }
    const group = this.group(name);
    group.isDefined = true;
    return group;
  }

  /** Puts a host, or all that a range stands for, into a group. */
  addHosts(pattern: string, group: DraftGroup, at: Place, settings: HostSettings = {}): void {
    const left = limits.hosts;
    const expanded =
      pattern.length > limits.hostName ? { mistake: 'is too long' } : expandRanges(pattern, left);
    if ('mistake' in expanded) {
      this.mistake(at, `${shown(pattern)}: ${expanded.mistake}`);
      return;
    }
    for (const name of expanded.names) {
      if (!isHostName(name)) {
        this.mistake(at, `${shown(name)} is no name of a host`);
        return;
      }
      const known = this.hosts.get(name);
      if (known === undefined && this.hosts.size >= limits.hosts) {
        this.#over(at, `more than ${limits.hosts} hosts`);
        return;
      }
      const host = known ?? { name, at, settings: {} };
      this.hosts.set(name, host);
      host.settings = { ...host.settings, ...settings };
      group.hosts.add(name);
    }
  }

  /** Makes a group a part of another one. */
  addChild(parent: DraftGroup, child: string, at: Place): void {
    if (!parent.children.has(child)) parent.children.set(child, at);
  }

  /** What a variable gives; mistakes, secrets and what is left to ssh_config are noted. */
  take(variable: Variable, name: string, at: Place): HostSettings {
    if (variable.kind === 'setting') return variable.settings;
    if (variable.kind === 'mistake') this.mistake(at, variable.message);
    if (variable.kind === 'secret') this.secrets.add(name);
    if (variable.kind === 'ssh') this.ofSsh.add(name);
    return {};
  }

  /** Throws every mistake, in the order of the file, as `E_HOSTS_INVALID`. */
  throwMistakes(): void {
    if (this.#mistakes.length === 0) return;
    const sorted = this.#mistakes.toSorted((a, b) => a.at.line - b.at.line || a.at.column - b.at.column);
    throw sumUp(
      'E_HOSTS_INVALID',
      this.file,
      sorted.map(({ error }) => error),
    );
  }

  /** Once is enough. */
  #over(at: Place, message: string): void {
    if (!this.#isFull) this.mistake(at, message);
    this.#isFull = true;
  }
}

/** A name for a message. What has other characters may be anything, and is not repeated. */
function shown(name: string): string {
  return name.length < 80 && /^[\w.-]*(?:\[[\w:]*\][\w.-]*)*$/.test(name) ? JSON.stringify(name) : 'this';
}
