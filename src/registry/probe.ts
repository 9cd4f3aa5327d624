import { PackferryError } from '../core/errors.ts';
import { challengeOf } from './challenge.ts';
import { endpointAt } from './endpoint.ts';
import { HostWaits } from './host-waits.ts';
import { fillOptions, type RegistrySourceOptions } from './options.ts';
import { pullLimitOf, type PullLimit } from './pull-limits.ts';
import { refusalOf } from './refusal.ts';
import { withRetries } from './retry.ts';
import { Tokens } from './tokens.ts';
import { discard, Transport, type Answer } from './transport.ts';

/** What every registry answers (OCI distribution specification, "end-1"). */
const root = '/v2/';

/** How a registry has taken who asks. */
export interface Probed {
  /** Did it want an account, or a token without one? */
  readonly wantsAccount: boolean;
  /** Does it speak HTTPS? One on this machine does not have to. */
  readonly isEncrypted: boolean;
  /** What it says of the pulls that it allows. */
  readonly limit?: PullLimit;
}

export interface ProbeOptions {
  /** What is asked for, for messages. */
  readonly what: string;
  /** Also asks for the head of this manifest, of which some registries tell the pulls that they allow: `REPOSITORY:TAG`. */
  readonly manifest?: { readonly repository: string; readonly tag: string };
  readonly signal: AbortSignal;
}

/**
 * Asks a registry whether it answers, and whether it takes the account that there is for it. Pulls nothing. Throws
 * `E_SOURCE_DENIED`, `E_CREDENTIALS`, or another code of the "source unavailable" family.
 */
export async function probeRegistry(
  host: string,
  options: RegistrySourceOptions,
  { what, manifest, signal }: ProbeOptions,
): Promise<Probed> {
  const filled = fillOptions(options);
  const endpoint = endpointAt(host, filled);
  const transport = new Transport(filled);
  const { retries, retryDelay, maxWait, emit, credentials } = filled;
  const policy = { retries, retryDelay, maxWait, waits: new HostWaits(maxWait, emit) };
  const tokens = new Tokens(transport, { ...policy, credentials }, signal);
  const ask = async (place: string, method: 'HEAD' | undefined, authorization?: string): Promise<Answer> =>
    withRetries(
      async () => {
        const url = new URL(place, endpoint.origin);
        const answer = await transport.ask({ url, method, host, authorization, what, signal });
        if (answer.status === 200 || answer.status === 401) return answer;
        throw await refusalOf(answer, what);
      },
      policy,
      { host, what, signal },
    );
  /** The answer to who asks, and whether that had to be shown. */
  const entered = async (
    place: string,
    method: 'HEAD' | undefined,
    path: string,
  ): Promise<{ readonly answer: Answer; readonly wantsAccount: boolean }> => {
    const first = await ask(place, method).catch((fault: unknown) => {
      throw place === root ? noRegistry(fault, host, what) : fault;
    });
    await discard(first);
    if (first.status === 200) return { answer: first, wantsAccount: false };
    const authorization = await tokens.renew({ endpoint, path }, challengeOf(first), undefined, what, signal);
    const answer = await ask(place, method, authorization);
    if (answer.status !== 200) throw await refusalOf(answer, what);
    await discard(answer);
    return { answer, wantsAccount: true };
  };
  try {
    const { wantsAccount } = await entered(root, undefined, '');
    const probed = { wantsAccount, isEncrypted: new URL(endpoint.origin).protocol === 'https:' };
    if (manifest === undefined) return probed;
    const { repository, tag } = manifest;
    const { answer } = await entered(`/v2/${repository}/manifests/${tag}`, 'HEAD', repository);
    const limit = pullLimitOf(answer);
    return { ...probed, ...(limit === undefined ? {} : { limit }) };
  } finally {
    await transport.close();
  }
}

/** That nothing is there means elsewhere that an image is missing. */
function noRegistry(fault: unknown, host: string, what: string): unknown {
  if (!(fault instanceof PackferryError) || fault.code !== 'E_IMAGE_NOT_FOUND') return fault;
  return new PackferryError(
    'E_SOURCE_PROTOCOL',
    `${what}: ${host} answers, but is no registry (404 for ${root})`,
    {
      hint: 'Check the host and the port.',
      cause: fault,
    },
  );
}
