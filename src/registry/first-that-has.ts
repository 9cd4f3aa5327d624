import { asPackferryError, PackferryError, type ErrorCode } from '../core/errors.ts';
import type { Repository } from './endpoint.ts';
import { HeldOff } from './host-waits.ts';

/** Faults of one endpoint that another may not have. Wrong content is not among them: it stops the run. */
const passedOver: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'E_IMAGE_NOT_FOUND',
  'E_SOURCE_UNREACHABLE',
  'E_SOURCE_DENIED',
  'E_SOURCE_PROTOCOL',
  'E_RATE_LIMITED',
]);

/**
 * Asks one repository after the other. Those that want to be left alone are waited for only when no other has it, the
 * shortest wait first. When none has it, one error tells what each said. `what` names the image.
 */
export async function firstThatHas<T>(
  places: readonly Repository[],
  what: string,
  ask: (place: Repository) => Promise<T>,
): Promise<T> {
  const errors: PackferryError[] = [];
  const held: { readonly place: Repository; readonly until: number }[] = [];
  const hurry = places.length > 1;
  for (const place of places) {
    const answer = await tryOne(ask, hurry ? { ...place, hurry } : place);
    if ('value' in answer) return answer.value;
    const { cause } = answer.error;
    if (hurry && cause instanceof HeldOff) held.push({ place, until: cause.until });
    else errors.push(answer.error);
  }
  for (const { place } of held.sort((a, b) => a.until - b.until)) {
    const answer = await tryOne(ask, place);
    if ('value' in answer) return answer.value;
    errors.push(answer.error);
  }
  throw sumUp(errors, what);
}

async function tryOne<T>(
  ask: (place: Repository) => Promise<T>,
  place: Repository,
): Promise<{ readonly value: T } | { readonly error: PackferryError }> {
  try {
    return { value: await ask(place) };
  } catch (fault) {
    const error = asPackferryError(fault);
    if (!passedOver.has(error.code)) throw error;
    return { error };
  }
}

function sumUp(errors: readonly PackferryError[], what: string): PackferryError {
  const last = errors.at(-1);
  if (last === undefined) return new PackferryError('E_INTERNAL', `${what}: there is no registry to ask`);
  if (errors.length === 1) return last;
  const notFound = errors.find(({ code }) => code === 'E_IMAGE_NOT_FOUND');
  const { code, hint } = notFound ?? last;
  return new PackferryError(
    code,
    `${what}: none of the ${errors.length} registries that were asked could give it`,
    { ...(hint === undefined ? {} : { hint }), errors },
  );
}
