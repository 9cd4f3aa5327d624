import { asPackferryError, PackferryError, type ErrorCode } from '../core/errors.ts';

/** Faults of one endpoint that another may not have. Wrong content is not among them: it stops the run. */
const passedOver: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'E_IMAGE_NOT_FOUND',
  'E_SOURCE_UNREACHABLE',
  'E_SOURCE_DENIED',
  'E_SOURCE_PROTOCOL',
  'E_RATE_LIMITED',
]);

/** Asks one place after the other. When none has it, one error tells what each said. `what` names the image. */
export async function firstThatHas<Place, T>(
  places: readonly Place[],
  what: string,
  ask: (place: Place) => Promise<T>,
): Promise<T> {
  const errors: PackferryError[] = [];
  for (const place of places) {
    try {
      return await ask(place);
    } catch (fault) {
      const error = asPackferryError(fault);
      if (!passedOver.has(error.code)) throw error;
      errors.push(error);
    }
  }
  throw sumUp(errors, what);
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
