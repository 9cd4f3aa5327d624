import type { AnyAuthMethod, ParsedKey } from 'ssh2';
import { messageOf } from '../core/errors.ts';
import { plainWords } from '../core/plain-words.ts';
import { agentKeys, ChosenAgent } from './agent.ts';
import { readIdentities, type Identity } from './identities.ts';
import type { AskPerson } from './questions.ts';
import type { HostSettings } from './settings.ts';

/** A way to be let in, as SSH names it. */
type Method = 'none' | 'publickey' | 'keyboard-interactive' | 'password';

interface Attempt {
  readonly method: Method;
  /** Undefined when there is nothing to try after all. */
  readonly make: () => Promise<AnyAuthMethod | undefined>;
}

const passwordTries = 3;

/**
 * All the ways to be let in by one host, each tried once: the agent's keys, key files, what the host asks, a password.
 * Nothing is asked or opened before its turn, and nothing that the host does not take.
 */
export class Authentication {
  readonly #settings: HostSettings;
  readonly #ask: AskPerson | undefined;
  readonly #onFault: (fault: unknown) => void;
  readonly #tried: string[] = [];
  #attempts: Attempt[] | undefined;
  #taken: readonly string[] = [];
  #isExhausted = false;
  /** The last one that was sent. */
  #password: string | undefined;

  /** `onFault` gets what was thrown by asking; the connection is to be given up then. */
  constructor(settings: HostSettings, ask: AskPerson | undefined, onFault: (fault: unknown) => void) {
    this.#settings = settings;
    this.#ask = ask;
    this.#onFault = onFault;
  }

  /** Has the host let us ask? Then its key was good. */
  get hasBegun(): boolean {
    return this.#attempts !== undefined;
  }

  /** Has everything been tried? */
  get isExhausted(): boolean {
    return this.#isExhausted;
  }

  /** The last one that was tried, for messages about a host that has let the user in. */
  get letInBy(): string {
    return this.#tried.at(-1) ?? 'no question at all';
  }

  /** What was tried and what the host takes, for messages. */
  get account(): string {
    const tried = this.#tried.length === 0 ? 'nothing to try' : `tried ${this.#tried.join('; ')}`;
    const taken = this.#taken.length === 0 ? '' : `; the host takes ${plainWords(this.#taken.join(', '))}`;
    return `${tried}${taken}`;
  }

  /** The next way that the host takes; false when there is none left. `left` is null at first. */
  async next(left: readonly string[] | null): Promise<AnyAuthMethod | false> {
    if (left !== null) this.#taken = left;
    this.#attempts ??= await this.#list();
    for (let attempt = this.#attempts.shift(); attempt !== undefined; attempt = this.#attempts.shift()) {
      if (left !== null && !left.includes(attempt.method)) continue;
      const made = await attempt.make();
      if (made !== undefined) return made;
    }
    this.#isExhausted = true;
    return false;
  }

  async #list(): Promise<Attempt[]> {
    const { user: username, identityFiles, areDefaultIdentities } = this.#settings;
    const note = (why: string): void => void this.#tried.push(why);
    const identities = await readIdentities(identityFiles, note, areDefaultIdentities);
    const held = await this.#agentKeys(identities);
    const isHeld = ({ publicBlob }: Identity): boolean =>
      publicBlob !== undefined && held.some((key) => key.getPublicSSH().equals(publicBlob));
    const files = identities.filter((identity) => !isHeld(identity));
    return [
      { method: 'none', make: () => Promise.resolve({ type: 'none', username }) },
      { method: 'publickey', make: () => Promise.resolve(this.#byAgent(held)) },
      ...files.map((identity): Attempt => ({ method: 'publickey', make: () => this.#byFile(identity) })),
      ...(this.#ask === undefined ? [] : this.#byPerson(this.#ask)),
    ];
  }

  /** Those that belong to a named key file first. */
  async #agentKeys(identities: readonly Identity[]): Promise<ParsedKey[]> {
    const { agent, identitiesOnly } = this.#settings;
    if (agent === undefined) return [];
    try {
      const keys = await agentKeys(agent);
      const isNamed = (key: ParsedKey): boolean =>
        identities.some(({ publicBlob }) => publicBlob?.equals(key.getPublicSSH()));
      return [...keys.filter(isNamed), ...(identitiesOnly ? [] : keys.filter((key) => !isNamed(key)))];
    } catch (fault) {
      this.#tried.push(`the agent at ${agent}: ${messageOf(fault)}`);
      return [];
    }
  }

  #byAgent(keys: readonly ParsedKey[]): AnyAuthMethod | undefined {
    const { agent, user: username } = this.#settings;
    if (agent === undefined || keys.length === 0) return undefined;
    this.#tried.push(`${keys.length === 1 ? '1 key' : `${keys.length} keys`} of the agent`);
    return { type: 'agent', username, agent: new ChosenAgent(agent, keys) };
  }

  async #byFile(identity: Identity): Promise<AnyAuthMethod | undefined> {
    const key = await identity.open(this.#ask);
    if (typeof key === 'string') {
      this.#tried.push(key);
      return undefined;
    }
    this.#tried.push(identity.file);
    return { type: 'publickey', username: this.#settings.user, key };
  }

  #byPerson(ask: AskPerson): Attempt[] {
    const { user: username, hostName } = this.#settings;
    const asked: Attempt = {
      method: 'keyboard-interactive',
      make: () => {
        this.#tried.push('answers to the questions of the host');
        return Promise.resolve({
          type: 'keyboard-interactive',
          username,
          prompt: (_name, _instructions, _language, prompts, finish) => {
            void this.#answer(ask, prompts).then(finish, this.#onFault);
          },
        });
      },
    };
    const password: Attempt = {
      method: 'password',
      make: async () => {
        const text = `Password of ${username}@${hostName}: `;
        const given = await ask({ kind: 'password', text, isShown: false });
        // The same once more could only lock the user out: a file has no other answer.
        const isNew = given !== this.#password;
        this.#password = given;
        if (given === '' || !isNew) {
          this.#attempts = [];
          return undefined;
        }
        if (!this.#tried.includes('a password')) this.#tried.push('a password');
        return { type: 'password', username, password: given };
      },
    };
    return [asked, ...Array.from({ length: passwordTries }, () => password)];
  }

  async #answer(
    ask: AskPerson,
    prompts: readonly { readonly prompt: string; readonly echo?: boolean }[],
  ): Promise<string[]> {
    const answers: string[] = [];
    for (const { prompt, echo = false } of prompts) {
      const text = `${this.#settings.user}@${this.#settings.hostName} asks: ${plainWords(prompt)} `;
      const kind = /password/i.test(prompt) && !echo ? 'password' : 'answer';
      const given = await ask({ kind, text, isShown: echo });
      if (kind === 'password') this.#password = given;
      answers.push(given);
    }
    return answers;
  }
}
