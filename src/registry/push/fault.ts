import { asPackferryError, PackferryError, type ErrorCode } from '../../core/errors.ts';
import { isPassing, isPassingRefusal, Refusal } from '../../core/http-faults.ts';

/** What the codes of reading are called where something is brought. Others, wrong certificates for one, stay. */
const codes: Partial<Record<ErrorCode, ErrorCode>> = {
  E_SOURCE_UNREACHABLE: 'E_TARGET_UNREACHABLE',
  E_SOURCE_DENIED: 'E_TARGET_DENIED',
  E_SOURCE_PROTOCOL: 'E_TARGET_PROTOCOL',
  E_IMAGE_NOT_FOUND: 'E_TARGET_UNWRITABLE',
  E_RATE_LIMITED: 'E_TARGET_UNREACHABLE',
};

/** Statuses with which a registry says that it does not take what it was sent, whatever else the code would be. */
const unwritable: readonly number[] = [404, 405, 413, 507];

/** How storages, quotas and the like say that there is no room, in the words of registries. */
const full = /no space left|disk (?:is )?full|insufficient storage|quota|configured upper limit/i;

/** The error for a request to a registry that images are brought to: another code, and a hint that fits. */
export function targetFault(fault: unknown, host: string): PackferryError {
  const error = asPackferryError(fault);
  const code = codes[error.code];
  if (code === undefined) return error;
  const status = statusOf(error);
  const isFull = status === 507 || (status !== undefined && full.test(error.message));
  const hint = isFull
    ? `Make room at ${host}, then run the same command again: what it has taken is not sent again.`
    : isNameRefused(status, error)
      ? `${host} takes no such name: give another path in --to, or another name with --retag FROM=TO.`
      : (hintFor(status, error, host) ?? error.hint);
  const isUnwritable = isFull || (status !== undefined && unwritable.includes(status));
  return new PackferryError(isUnwritable ? 'E_TARGET_UNWRITABLE' : code, error.message, {
    ...(hint === undefined ? {} : { hint }),
    cause: error,
  });
}

/** Is this error, which `targetFault` made, worth another try? */
export function mayPass({ cause, code }: PackferryError): boolean {
  if (!(cause instanceof PackferryError) || code === 'E_TARGET_UNWRITABLE') return false;
  return isPassing(cause) || isPassingRefusal(cause);
}

/** The status of the refusal that `targetFault` made an error of. */
export function refusedWith({ cause }: PackferryError): number | undefined {
  return cause instanceof PackferryError ? statusOf(cause) : undefined;
}

/** Has the registry itself refused a request in a way that stays? */
export function isRefused(fault: unknown): boolean {
  const status = refusedWith(asPackferryError(fault));
  return status !== undefined && status < 500 && status !== 429;
}

/** By the codes of the distribution specification. */
function isNameRefused(status: number | undefined, { message }: PackferryError): boolean {
  return status === 400 && /\b(?:NAME|TAG)_INVALID\b/.test(message);
}

function statusOf({ cause }: PackferryError): number | undefined {
  return cause instanceof Refusal ? cause.status : undefined;
}

function hintFor(status = 0, { code }: PackferryError, host: string): string | undefined {
  const again = 'then run the same command again: what the registry has taken is not sent again.';
  if (code === 'E_RATE_LIMITED') return `Wait as long as it asks for, or give a longer --max-wait, ${again}`;
  switch (status) {
    case 301:
    case 302:
    case 307:
    case 308:
      return `${host} leads elsewhere: name the registry by the address that it leads to.`;
    case 404:
      return `${host} does not take this repository. Many registries want a project or repository to be made there first; check the path behind the host, too.`;
    case 405:
      return `${host} only gives images and takes none: a mirror, a cache, "packferry serve", or a registry that is set to read-only. Name the registry that it reads from.`;
    case 413:
      return `A proxy before the registry takes no requests of this size: raise its limit (client_max_body_size of nginx), ${again}`;
    default:
      return status >= 500 ? `Look into its log, ${again}` : undefined;
  }
}
