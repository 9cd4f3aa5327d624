import type { ServerResponse } from 'node:http';
import type { Script, Seen } from './registry-scripted.ts';

export interface TokenOptions {
  /** Seconds; left out of the answer when absent. */
  readonly expiresIn?: number;
  /** Name of the field that holds the token. */
  readonly field?: 'token' | 'access_token';
  /** Refuse every token, as for images that are private. */
  readonly denies?: boolean;
  /** Give tokens only to who shows this password, as `USER:PASSWORD`, or this identity token. */
  readonly account?: string;
  readonly identity?: string;
  /** The token service. Default: `/token` of the same server. */
  readonly realm?: string;
}

/** A registry behind bearer tokens. Its token service is `/token` of the same server. */
export class TokenGuard {
  readonly #options: TokenOptions;
  readonly #valid = new Set<string>();
  /** Query or form of every request for a token. */
  readonly asked: URLSearchParams[] = [];
  #issued = 0;

  constructor(options: TokenOptions = {}) {
    this.#options = options;
  }

  /** From now on, tokens that were issued before are refused. */
  revoke(): void {
    this.#valid.clear();
  }

  /** Guards what `then` answers. */
  script(then: Script): Script {
    return async (request, response, before) => {
      if (request.path.startsWith('/token')) this.#issue(request, response);
      else if (this.#admits(request)) await then(request, response, before);
      else this.#challenge(request, response);
    };
  }

  #admits({ authorization = '' }: Seen): boolean {
    return this.#options.denies !== true && this.#valid.has(authorization);
  }

  #issue(request: Seen, response: ServerResponse): void {
    const { field = 'token', expiresIn } = this.#options;
    const isPost = request.method === 'POST';
    const asked = isPost ? new URLSearchParams(request.body) : new URL(request.path, 'http://x').searchParams;
    this.asked.push(asked);
    if (!this.#knows(request, asked)) {
      response.writeHead(401).end(JSON.stringify({ errors: [{ code: 'UNAUTHORIZED', message: 'who?' }] }));
      return;
    }
    this.#issued += 1;
    const token = `token-${this.#issued}`;
    this.#valid.add(`Bearer ${token}`);
    response.end(
      JSON.stringify({ [field]: token, ...(expiresIn === undefined ? {} : { expires_in: expiresIn }) }),
    );
  }

  #knows({ method, authorization }: Seen, asked: URLSearchParams): boolean {
    const { account, identity } = this.#options;
    if (identity !== undefined && method === 'POST') {
      return asked.get('grant_type') === 'refresh_token' && asked.get('refresh_token') === identity;
    }
    return account === undefined || authorization === `Basic ${Buffer.from(account).toString('base64')}`;
  }

  #challenge({ headers }: Seen, response: ServerResponse): void {
    const realm = this.#options.realm ?? `http://${headers.host ?? ''}/token?from=realm`;
    response.writeHead(401, {
      'www-authenticate': `Bearer realm="${realm}",service="the registry",scope="repository:a/b:pull"`,
    });
    response.end(JSON.stringify({ errors: [{ code: 'UNAUTHORIZED', message: 'authentication required' }] }));
  }
}
