import { untilAborted } from '../registry/interrupted.ts';
import { SharedSave } from './shared-save.ts';

/** One of several that read what can be read once only. */
export interface Party<Key> {
  /** What it has still to come for. */
  readonly wants: Set<Key>;
  /** Deliveries to it that run. */
  running: number;
  /** Those of them that wait for others to come. */
  waiting: number;
}

export interface MeetingRules<Key> {
  /** Is a party that has these wants to be waited for before such a reading begins? */
  readonly isAwaited: (wants: ReadonlySet<Key>, key: Key) => boolean;
  /** The order in which readings begin; that in which somebody came for them when absent. */
  readonly compare?: (a: Key, b: Key) => number;
}

interface Meeting<Key> {
  readonly save: SharedSave;
  readonly members: Set<Party<Key>>;
  /** Resolves when the reading begins. */
  readonly begun: Promise<void>;
  readonly begin: () => void;
}

/** What somebody comes for. */
export interface Visit<Key> {
  readonly key: Key;
  /** What is being read, for messages. */
  readonly name: string;
  readonly open: (stop: AbortSignal) => AsyncIterable<Buffer>;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Has each thing read once for all who are to get it. Whoever comes for one waits until all others that want it have come, have
 * got or given it up, or cannot come before somebody goes on.
 */
export class Meetings<Key> {
  readonly #rules: MeetingRules<Key>;
  readonly #parties = new Set<Party<Key>>();
  /** Those that have not begun, the oldest first. */
  readonly #meetings = new Map<Key, Meeting<Key>>();
  #isLooking = false;

  constructor(rules: MeetingRules<Key>) {
    this.#rules = rules;
  }

  join(wants: Iterable<Key>): Party<Key> {
    const party: Party<Key> = { wants: new Set(wants), running: 0, waiting: 0 };
    this.#parties.add(party);
    return party;
  }

  leave(party: Party<Key>): void {
    this.#parties.delete(party);
    this.look();
  }

  /** The bytes that a party comes for. Throws what reading throws, to all of them, and the reason of the signal, to it alone. */
  async *read(party: Party<Key>, { key, name, open, signal }: Visit<Key>): AsyncGenerator<Buffer, void> {
    const meeting = this.#meetings.get(key) ?? this.#call(key, open);
    const place = meeting.save.join();
    meeting.members.add(party);
    party.waiting += 1;
    this.look();
    try {
      await untilAborted(meeting.begun, signal, name);
    } catch (fault) {
      meeting.members.delete(party);
      if (!meeting.save.leave(place) && this.#meetings.get(key) === meeting) this.#meetings.delete(key);
      throw fault;
    } finally {
      party.waiting -= 1;
      this.look();
    }
    yield* meeting.save.read(place, signal);
  }

  /** To be called when somebody's wants have changed. Begins what nobody is to be waited for, once all that is about to happen has. */
  look(): void {
    if (this.#isLooking) return;
    this.#isLooking = true;
    setImmediate(() => {
      this.#isLooking = false;
      const { isAwaited, compare } = this.#rules;
      const awaited = [...this.#meetings].map(([key, meeting]) => ({
        key,
        meeting,
        others: [...this.#parties].filter((one) => isAwaited(one.wants, key) && !meeting.members.has(one)),
      }));
      if (compare !== undefined) awaited.sort((a, b) => compare(a.key, b.key));
      const complete = awaited.filter(({ others }) => others.length === 0);
      // One is enough: whoever goes on may come to the next one.
      const blocked = awaited.filter(({ others }) => others.every(isStuck)).slice(0, 1);
      for (const { key, meeting } of complete.length > 0 ? complete : blocked) {
        this.#meetings.delete(key);
        meeting.begin();
      }
    });
  }

  #call(key: Key, open: (stop: AbortSignal) => AsyncIterable<Buffer>): Meeting<Key> {
    let begin: () => void = () => undefined;
    const begun = new Promise<void>((resolve) => (begin = resolve));
    const meeting: Meeting<Key> = { save: new SharedSave(open), members: new Set(), begun, begin };
    this.#meetings.set(key, meeting);
    return meeting;
  }
}

/** Does all that is brought there wait for others? */
function isStuck({ running, waiting }: Party<unknown>): boolean {
  return running > 0 && waiting === running;
}
