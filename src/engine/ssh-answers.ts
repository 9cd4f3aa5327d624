import type { AskPerson } from '../ssh/questions.ts';

/**
 * Asks a person, and gives passwords and passphrases once more when a connection has to be made anew: nobody may be there
 * any more. One that a connection asks for twice was wrong. They are kept in memory only, as long as the run lasts; what a
 * host asks for by itself may be good for one time only, and is not kept.
 */
export class Answers {
  readonly #ask: AskPerson;
  readonly #known = new Map<string, string>();
  readonly #given = new Set<string>();

  constructor(ask: AskPerson) {
    this.#ask = ask;
  }

  /** The next connection is about to be made. */
  begin(): void {
    this.#given.clear();
  }

  readonly ask: AskPerson = async (question) => {
    const { kind, text } = question;
    if (kind === 'answer') return this.#ask(question);
    const known = this.#given.has(text) ? undefined : this.#known.get(text);
    const answer = known ?? (await this.#ask(question));
    this.#known.set(text, answer);
    this.#given.add(text);
    return answer;
  };
}
