import * as z from 'zod';

/** What of an image's configuration tells its age and its Python (OCI image specification, "Properties"). */
export const imageFactsSchema = z.object({
  created: z.string().max(64).nullish(),
  config: z.object({ Env: z.array(z.string()).max(10_000).nullish() }).nullish(),
});
