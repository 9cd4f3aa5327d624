import { PackferryError } from '../core/errors.ts';
import { Refusal } from '../core/http-faults.ts';
import type { Credential } from './credentials/credential.ts';
import type { Repository } from './endpoint.ts';

/** A refusal by a registry or its token service, with a hint that tells which account was used, if any. */
export function explainDenied(
  error: PackferryError,
  host: string,
  credential: Pick<Credential, 'from'> | undefined,
  access: Repository['access'],
): PackferryError {
  const { code, message, cause } = error;
  const status = cause instanceof Refusal ? cause.status : undefined;
  if (code !== 'E_SOURCE_DENIED' || (status !== 401 && status !== 403)) return error;
  return new PackferryError(code, message, { hint: hintFor(status, host, credential, access), cause });
}

/** What to do where an account is wanted or the one at hand will not do. Never shows a secret. */
export function hintFor(
  status: 401 | 403,
  host: string,
  credential: Pick<Credential, 'from'> | undefined,
  access: Repository['access'],
): string {
  if (credential === undefined) {
    if (access === 'push') return `Log in with an account that may push there: packferry login ${host}`;
    return `Check the name: Docker Hub and others answer like this for names that do not exist, too. For an image that is not public: packferry login ${host}`;
  }
  const { from } = credential;
  return status === 401
    ? `The account comes from ${from}. Unless the name is wrong, it is not valid any more: packferry login ${host}`
    : `The account comes from ${from}. Check the name, and whether this account may ${access === 'push' ? 'push there' : 'read it'}. For another one: packferry login ${host}`;
}
