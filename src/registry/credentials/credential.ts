import { noteAccount } from '../../core/redact.ts';

/** How somebody shows a registry who they are. `from` says where it was found: a file or a helper, for messages. */
export type Credential =
  | {
      readonly kind: 'password';
      readonly username: string;
      readonly password: string;
      readonly from: string;
    }
  | {
      /** A token that a token service takes instead of a password (OAuth2 calls it a refresh token). */
      readonly kind: 'identity';
      readonly token: string;
      readonly from: string;
    };

export interface CredentialSource {
  /**
   * What there is for a repository of a registry; undefined: nothing, so it is read anonymously. `host` is as references
   * write it, e.g. `docker.io` or `registry.example:5000`; `path` may be empty. Throws `E_CREDENTIALS`.
   */
  find(host: string, path: string): Promise<Credential | undefined>;
}

/** Knows nothing. */
export const anonymous: CredentialSource = { find: () => Promise.resolve(undefined) };

/** The value of `Authorization` for a password (RFC 7617). */
export function basicAuthorization({ username, password }: { username: string; password: string }): string {
  noteAccount(username, password);
  return `Basic ${Buffer.from(`${username}:${password}`, 'utf8').toString('base64')}`;
}
