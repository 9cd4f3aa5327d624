import ssh2, {
  type IdentityCallback,
  type ParsedKey,
  type SignCallback,
  type SigningRequestOptions,
} from 'ssh2';

/** The keys that an ssh-agent offers, of the types that ssh2 knows. Rejects when it does not answer. */
export function agentKeys(socket: string): Promise<ParsedKey[]> {
  return new Promise((resolve, reject) => {
    new ssh2.OpenSSHAgent(socket).getIdentities((fault, keys) => {
      if (fault !== undefined && fault !== null) reject(fault);
      else resolve((keys ?? []).filter((key) => 'getPublicSSH' in key));
    });
  });
}

/**
 * An ssh-agent that offers chosen keys only: a host hangs up after some that it does not want (MaxAuthTries, 6), so those
 * that were named come first, and with IdentitiesOnly no others.
 */
export class ChosenAgent extends ssh2.BaseAgent<ParsedKey> {
  readonly #agent: ssh2.OpenSSHAgent;
  readonly #keys: ParsedKey[];

  constructor(socket: string, keys: readonly ParsedKey[]) {
    super();
    this.#agent = new ssh2.OpenSSHAgent(socket);
    this.#keys = [...keys];
  }

  getIdentities(done: IdentityCallback<ParsedKey>): void {
    done(undefined, this.#keys);
  }

  sign(
    key: ParsedKey,
    data: Buffer,
    options: SigningRequestOptions | SignCallback,
    done?: SignCallback,
  ): void {
    if (typeof options === 'function') this.#agent.sign(key, data, options);
    else this.#agent.sign(key, data, options, done);
  }
}
