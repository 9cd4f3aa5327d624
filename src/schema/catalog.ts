import * as z from 'zod';

/** The answer to `GET /v2/_catalog` (distribution project, "Listing Repositories"). Go programs write an empty list as null. */
export const catalogSchema = z.object({ repositories: z.array(z.string()).nullish() });
