import { PackferryError } from '../core/errors.ts';
import type { Credential } from './credentials/credential.ts';
import { hintFor } from './denied.ts';

/** So often an account that was never accepted is shown to a host before it is given up. */
const mostRefusals = 3;

/**
 * Which accounts a host has refused (401) again and again in this run, and never accepted. Hundreds of images with a
 * password that has changed would lock the account otherwise.
 */
export class RefusedAccounts {
  readonly #refusals = new Map<string, number>();
  readonly #accepted = new Set<string>();

  /** Throws `E_SOURCE_DENIED` for an account that is not worth showing once more. `what` is for messages. */
  check(host: string, credential: Credential, what: string): void {
    if ((this.#refusals.get(keyOf(host, credential)) ?? 0) < mostRefusals) return;
    throw new PackferryError(
      'E_SOURCE_DENIED',
      `${what}: ${host} refuses the account; it is not shown again, so that it does not get locked`,
      { hint: hintFor(401, host, credential, undefined) },
    );
  }

  /** What a host said when it was shown an account. */
  note(host: string, credential: Credential, isAccepted: boolean): void {
    const key = keyOf(host, credential);
    if (isAccepted) {
      this.#accepted.add(key);
      this.#refusals.delete(key);
    } else if (!this.#accepted.has(key)) {
      this.#refusals.set(key, (this.#refusals.get(key) ?? 0) + 1);
    }
  }
}

function keyOf(host: string, credential: Credential): string {
  return [host, credential.from, credential.kind === 'password' ? credential.username : ''].join('\n');
}
