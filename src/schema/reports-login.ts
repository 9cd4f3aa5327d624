import * as z from 'zod';
import { reportVersion } from './reports.ts';

const schemaVersion = z.literal(reportVersion);

/** What `login --json` prints. */
export const loginReport = z.object({
  schemaVersion,
  registry: z.string(),
  username: z.string(),
  /** Did the registry want the account, and accept it? */
  checked: z.boolean(),
  /** The file or the credential helper that keeps it. */
  storedIn: z.string(),
});

/** What `logout --json` prints. */
export const logoutReport = z.object({
  schemaVersion,
  registry: z.string(),
  /** The files and credential helpers that kept an account; empty when none did. */
  removedFrom: z.array(z.string()),
});

export type LoginReport = z.infer<typeof loginReport>;
export type LogoutReport = z.infer<typeof logoutReport>;
