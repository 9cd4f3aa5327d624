import * as z from 'zod';

/** The answer to `GET /v2/<name>/tags/list` (OCI distribution specification). Go programs write an empty list as null. */
export const tagListSchema = z.object({ tags: z.array(z.string()).nullish() });
