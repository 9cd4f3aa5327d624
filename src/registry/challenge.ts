import { headerOf, type Answer } from './transport.ts';

/** What a registry asks for in `WWW-Authenticate` (RFC 9110, section 11.6.1). Scheme and names in lower case. */
export interface Challenge {
  readonly scheme: string;
  readonly parameters: ReadonlyMap<string, string>;
}

const token = "[!#$%&'*+.^_`|~0-9A-Za-z-]+";
const parameter = new RegExp(`^\\s*,?\\s*(${token})\\s*=\\s*(?:"((?:[^"\\\\]|\\\\.)*)"|(${token}))`);
const scheme = new RegExp(`^[\\s,]*(${token})(?=\\s|,|$)`);

/**
 * Reads the value of `WWW-Authenticate`, which may hold several challenges. Reading stops at what is not understood;
 * what came before that counts.
 */
export function parseChallenges(header: string): Challenge[] {
  const challenges: Challenge[] = [];
  let rest = header;
  for (;;) {
    const start = scheme.exec(rest);
    if (start?.[1] === undefined) return challenges;
    rest = rest.slice(start[0].length);
    const parameters = new Map<string, string>();
    for (let found = parameter.exec(rest); found !== null; found = parameter.exec(rest)) {
      const [whole, name = '', quoted, plain = ''] = found;
      parameters.set(name.toLowerCase(), quoted === undefined ? plain : quoted.replace(/\\(.)/g, '$1'));
      rest = rest.slice(whole.length);
    }
    challenges.push({ scheme: start[1].toLowerCase(), parameters });
  }
}

/** Everything that an answer says in `WWW-Authenticate`; empty when it says nothing. */
export function challengeOf(answer: Pick<Answer, 'headers'>): string {
  const header = answer.headers['www-authenticate'];
  return Array.isArray(header) ? header.join(', ') : (headerOf(answer, 'www-authenticate') ?? '');
}
