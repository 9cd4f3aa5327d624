import { getCiphers } from 'node:crypto';
import type { Duplex } from 'node:stream';
import ssh2, {
  type CipherAlgorithm,
  type Client,
  type ConnectConfig,
  type ServerHostKeyAlgorithm,
} from 'ssh2';
import { PackferryError } from '../core/errors.ts';
import { Authentication } from './authentication.ts';
import { checkHostKey, offerFor, type HostCheckOptions } from './host-check.ts';
import { malformedCertificate, plainKeyOf } from './host-certificate.ts';
import { offerCertificates } from './certificate-exchange.ts';
import type { Hop as LetIn } from './connection.ts';
import type { AskPerson } from './questions.ts';
import { connectFault, notLetIn, unreachable } from './ssh-fault.ts';

export interface HopOptions extends HostCheckOptions {
  /** The way through the hop before; a connection of one's own when absent. */
  readonly through: Duplex | undefined;
  readonly ask: AskPerson | undefined;
  readonly signal: AbortSignal | undefined;
}

/**
 * GCM runs at the speed of the network; CTR is for servers without it, and ChaCha20, the slowest here, for those that take
 * nothing else. In FIPS mode there is none.
 */
const ciphers: readonly CipherAlgorithm[] = [
  ...(['aes128-gcm@openssh.com', 'aes256-gcm@openssh.com', 'aes128-ctr', 'aes256-ctr'] as const),
  ...(getCiphers().includes('chacha20') ? (['chacha20-poly1305@openssh.com'] as const) : []),
];

/**
 * Connects to one host: compares its key, then has the user let in. Nothing is sent to a host whose key is not the known
 * one. Throws the abort reason, those of `checkHostKey`, `E_SSH_UNREACHABLE`, `E_SSH_AUTH`, and what asking throws.
 */
export async function connectHop(options: HopOptions): Promise<LetIn> {
  options.signal?.throwIfAborted();
  const hop = new Connecting(options);
  try {
    const client = await hop.connect();
    return { client, account: hop.account };
  } catch (fault) {
    hop.client.destroy();
    options.signal?.throwIfAborted();
    throw fault;
  }
}

class Connecting {
  readonly client = new ssh2.Client();
  readonly #options: HopOptions;
  readonly #authentication: Authentication;
  #reject: (fault: unknown) => void = () => undefined;
  /** The key or certificate that was accepted: hosts show it again when they change the keys of the connection. */
  #accepted: Buffer | undefined;
  /** How that is known. */
  #knownBy = 'no key';
  /** Fires when the host is silent for too long; stopped while a person is asked. */
  #patience: NodeJS.Timeout | undefined;

  constructor(options: HopOptions) {
    this.#options = options;
    const { settings, ask } = options;
    const patiently =
      ask === undefined
        ? undefined
        : async (question: Parameters<AskPerson>[0]): Promise<string> => {
            clearTimeout(this.#patience);
            const answer = await ask(question);
            this.#wait();
            return answer;
          };
    this.#authentication = new Authentication(settings, patiently, (fault) => this.#reject(fault));
  }

  /** How the host was known, and how it let the user in. */
  get account(): string {
    const { name } = this.#options;
    return `${name}: host key ${this.#knownBy}; let in by ${this.#authentication.letInBy}`;
  }

  async connect(): Promise<Client> {
    const { signal } = this.#options;
    const onAbort = (): void => this.#reject(signal?.reason);
    try {
      return await new Promise<Client>((resolve, reject) => {
        this.#reject = reject;
        signal?.addEventListener('abort', onAbort, { once: true });
        this.#wait();
        this.client.on('ready', () => resolve(this.client));
        this.client.on('error', (fault) => this.#onFault(fault));
        this.client.on('close', () => reject(this.#closed()));
        this.#start();
      });
    } finally {
      clearTimeout(this.#patience);
      signal?.removeEventListener('abort', onAbort);
    }
  }

  #start(): void {
    const { plain, all } = offerFor(this.#options);
    this.client.connect(this.#config(plain));
    if (all.length === plain.length) return;
    const { name, emit } = this.#options;
    if (offerCertificates(this.client, all, (blob) => plainKeyOf(blob, malformedCertificate(name)))) return;
    const message = `${name}: this ssh2 cannot be taught host certificates, so that none is asked for; --ssh-command ssh does`;
    emit({ type: 'note', level: 'warning', message });
  }

  #config(serverHostKey: readonly ServerHostKeyAlgorithm[]): ConnectConfig {
    const { settings, through } = this.#options;
    const { hostName, port, user, aliveInterval, aliveCountMax } = settings;
    return {
      ...{ host: hostName, port, username: user },
      ...(through === undefined ? {} : { sock: through }),
      algorithms: {
        serverHostKey: [...serverHostKey],
        cipher: [...ciphers],
      },
      hostVerifier: (key: Buffer, verify: (isGood: boolean) => void) => {
        // At once: when keys are changed later, ssh2 garbles what it has to send while it waits for this.
        if (this.#accepted?.equals(key) === true) {
          verify(true);
          return;
        }
        this.#check(key).then(
          () => verify(true),
          (fault: unknown) => {
            this.#reject(fault);
            verify(false);
          },
        );
      },
      authHandler: (left, _partial, next) => {
        this.#wait();
        // At first nothing is known of what the host takes; the types leave that out.
        this.#authentication.next(left as string[] | null).then(
          // The types leave out how an end is told, too.
          (method) => (next as (method: unknown) => void)(method),
          (fault: unknown) => this.#reject(fault),
        );
      },
      // Own waiting: that of ssh2 goes on while a person types.
      readyTimeout: 0,
      keepaliveInterval: aliveInterval,
      keepaliveCountMax: aliveCountMax,
      // Other servers may forward sockets, too, and say so themselves when they do not.
      strictVendor: false,
    };
  }

  async #check(key: Buffer): Promise<void> {
    this.#knownBy = await checkHostKey(key, this.#options);
    this.#accepted = key;
  }

  #onFault(fault: Error & { readonly level?: string }): void {
    // A malformed certificate, found in the middle of the exchange of keys.
    if (fault instanceof PackferryError && fault.code === 'E_HOST_KEY_UNKNOWN') {
      this.#reject(fault);
      return;
    }
    // One key cannot sign, or the agent fails: the next way is tried.
    const isPassing = fault.level === 'agent' || fault.level === 'client-authentication';
    if (isPassing && !this.#authentication.isExhausted) return;
    this.#reject(isPassing ? this.#notLetIn() : this.#hasBegun() ? this.#closed(fault) : this.#fault(fault));
  }

  #fault(fault: Error): PackferryError {
    return connectFault(this.#options.name, fault);
  }

  #hasBegun(): boolean {
    return this.#authentication.hasBegun;
  }

  /** The host hung up: while it was asked to let the user in, that is its answer. */
  #closed(fault?: Error): PackferryError {
    if (this.#hasBegun()) {
      const said = fault === undefined ? 'the host hung up' : fault.message;
      return notLetIn(this.#options.name, `${said}; ${this.#authentication.account}`, this.#canAsk);
    }
    return unreachable(this.#options.name, 'the host hung up', 'Is that an SSH server? Look at its log.');
  }

  #notLetIn(): PackferryError {
    return notLetIn(this.#options.name, this.#authentication.account, this.#canAsk);
  }

  get #canAsk(): boolean {
    return this.#options.ask !== undefined;
  }

  #wait(): void {
    const { name, settings } = this.#options;
    clearTimeout(this.#patience);
    this.#patience = setTimeout(() => {
      const why = `no answer within ${settings.connectTimeout / 1000} s`;
      this.#reject(
        unreachable(
          name,
          why,
          'Is the host up and the port right? ConnectTimeout in ssh_config gives it longer.',
        ),
      );
    }, settings.connectTimeout);
  }
}
