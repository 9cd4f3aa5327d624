import { createHash, timingSafeEqual } from 'node:crypto';
import { errorAnswer, type ServerAnswer } from './server-answers.ts';

/** The account that a guarded server wants to see with every request. */
export interface ServerAccount {
  readonly name: string;
  readonly password: string;
}

/** What a request without the account gets (RFC 7617); undefined for one that has it. */
export function refusalWithout(
  account: ServerAccount,
  authorization: string | undefined,
): ServerAnswer | undefined {
  if (isAccount(account, authorization)) return undefined;
  return errorAnswer(401, 'UNAUTHORIZED', 'authentication required', {
    'www-authenticate': 'Basic realm="packferry", charset="UTF-8"',
  });
}

/** Takes the same time whatever is wrong: hashes have one length, and are compared to their ends. */
function isAccount({ name, password }: ServerAccount, authorization = ''): boolean {
  const [, base64 = ''] = /^basic +([a-z0-9+/=_-]+) *$/i.exec(authorization) ?? [];
  const hash = (bytes: Buffer): Buffer => createHash('sha256').update(bytes).digest();
  const isSame = timingSafeEqual(
    hash(Buffer.from(base64, 'base64')),
    hash(Buffer.from(`${name}:${password}`)),
  );
  return isSame && base64 !== '';
}
