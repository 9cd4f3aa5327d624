import { asPackferryError, PackferryError } from '../core/errors.ts';
import { isRegistryHost } from '../core/reference.ts';
import { canonicalHost } from '../registry/credentials/auth-key.ts';
import type { Credential } from '../registry/credentials/credential.ts';
import type { RegistrySourceOptions } from '../registry/options.ts';
import { probeRegistry } from '../registry/probe.ts';
import type { PullLimit } from '../registry/pull-limits.ts';
import type { DoctorCheck } from '../schema/reports-doctor.ts';

export interface RegistryDiagnosis {
  readonly checks: readonly DoctorCheck[];
  /** Why it cannot be used. */
  readonly error?: PackferryError;
}

/** Docker Hub tells the pulls that it allows of the head of any manifest; this one is meant for that question. */
const pullQuestion = { repository: 'ratelimitpreview/test', tag: 'latest' };

/** With fewer pulls than most exports need, it is said. */
const few = 20;

/**
 * Asks a registry whether it answers and takes the account that is stored for it; of Docker Hub also the pulls that it
 * allows, by a question that counts as none. Pulls nothing. What is wrong is in the answer. Throws the abort reason and
 * `E_USAGE` for what is no host.
 */
export async function diagnoseRegistry(
  text: string,
  options: RegistrySourceOptions,
  signal: AbortSignal,
): Promise<RegistryDiagnosis> {
  if (!isRegistryHost(text)) {
    throw new PackferryError('E_USAGE', `--registry: ${JSON.stringify(text)} is no registry host`, {
      hint: 'Write it as HOST[:PORT], for instance docker.io or registry.example:5000.',
    });
  }
  const host = canonicalHost(text);
  const isHub = host === 'docker.io';
  try {
    const account = await options.credentials?.find(host, '');
    const { wantsAccount, isEncrypted, limit } = await probeRegistry(host, options, {
      what: host,
      signal,
      ...(isHub ? { manifest: pullQuestion } : {}),
    });
    const message = `${host}: answers over ${isEncrypted ? 'HTTPS' : 'HTTP'}; ${wordsOn(account, wantsAccount)}`;
    return {
      checks: [{ id: 'registry', state: 'ok', message }, ...(limit ? [limitCheck(host, limit)] : [])],
    };
  } catch (fault) {
    signal.throwIfAborted();
    const error = namedOnce(asPackferryError(fault), host);
    const { code, message, hint } = error;
    const check = { id: 'registry', state: 'fail', message, code } as const;
    return { checks: [hint === undefined ? check : { ...check, hint }], error };
  }
}

/** What is asked for and who was asked are mostly the same here. */
function namedOnce(error: PackferryError, host: string): PackferryError {
  const twice = `${host}: ${host} `;
  return error.message.startsWith(twice) ? error.with(error.message.slice(host.length + 2)) : error;
}

function wordsOn(account: Credential | undefined, wantsAccount: boolean): string {
  if (account === undefined) return wantsAccount ? 'read without an account' : 'it asks nobody who he is';
  const who = account.kind === 'password' ? `the account ${account.username}` : 'a token';
  const whose = `${who} of ${account.from}`;
  return wantsAccount ? `takes ${whose}` : `it asks nobody who he is; ${whose} is not needed`;
}

function limitCheck(host: string, { limit, remaining, window, source }: PullLimit): DoctorCheck {
  const id = 'registry-pulls';
  const hours = window === undefined ? '' : ` in ${Math.round(window / 3600)} h`;
  const whose = source === undefined ? '' : ` for ${source}`;
  const message = `${host}: ${remaining} of ${limit} pulls${hours} are left${whose}`;
  if (remaining >= few) return { id, state: 'ok', message };
  const hint =
    'An export needs one for each image: wait, log in (packferry login docker.io), or name a mirror.';
  return { id, state: 'warn', message, hint };
}
