import * as z from 'zod';

const account = z.object({
  /** Base64 of `USER:PASSWORD`. */
  auth: z.string().nullish(),
  username: z.string().nullish(),
  password: z.string().nullish(),
  identitytoken: z.string().nullish(),
});

/** What concerns accounts in docker's `config.json` and podman's `auth.json` (containers-auth.json(5)). */
export const authFileSchema = z.object({
  auths: z.record(z.string(), account).nullish(),
  credsStore: z.string().nullish(),
  credHelpers: z.record(z.string(), z.string()).nullish(),
});

export type AuthFileDocument = z.infer<typeof authFileSchema>;
export type AuthFileAccount = z.infer<typeof account>;

/** The answer of a credential helper to `get` (docker/docker-credential-helpers). */
export const helperAnswerSchema = z.object({
  Username: z.string(),
  Secret: z.string(),
});
