import * as z from 'zod';
import { messageOf } from '../core/errors.ts';
import { parseDuration } from '../core/duration.ts';
import { globFault } from '../core/glob.ts';

/** The `schema` value of the policies that this version reads. */
export const policySchemaId = 'packferry.policy/v1';

/** `policy.json`: what a site asks of bundles besides a trusted signature. Every unknown key is a mistake. */
export const policySchema = z.strictObject({
  schema: z.literal(policySchemaId),
  version: z
    .int()
    .positive()
    .exactOptional()
    .describe('The version of the trusted files; "packferry trust update" raises it. Default: 1.'),
  threshold: z
    .int()
    .positive()
    .max(100)
    .exactOptional()
    .describe('How many different principals must have signed a bundle. Default: 1.'),
  streams: z
    .array(z.string().max(256).check(fitsWhen(globFault)))
    .min(1)
    .max(1000)
    .exactOptional()
    .describe('Patterns (*, ?, [...]) of the names of bundles that this site takes. Default: every name.'),
  maxAge: z
    .string()
    .check(fitsWhen(durationFault))
    .exactOptional()
    .describe(
      'How old a bundle may be by its own date, in hours, days or weeks: 12h, 90d, 4w. Default: no limit.',
    ),
  maxSequenceJump: z
    .int()
    .positive()
    .exactOptional()
    .describe('How far the sequence of a bundle may lie above the highest one so far. Default: no limit.'),
  allowRollback: z
    .boolean()
    .exactOptional()
    .describe('May an operator go back to an older bundle, with a reason? Default: true.'),
  allowRetag: z
    .boolean()
    .exactOptional()
    .describe(
      'May a bundle ask that names be moved from images that are there (these are kept under a dated tag)? Default: true.',
    ),
  requireUserVerification: z
    .boolean()
    .exactOptional()
    .describe('Only signatures count that a security key made after a PIN or a finger. Default: false.'),
  requireExpiry: z
    .boolean()
    .exactOptional()
    .describe('Bundles that never expire are refused. Default: false.'),
  requireDeep: z
    .boolean()
    .exactOptional()
    .describe('Every layer is decompressed and compared with its diff ID, as with --deep. Default: false.'),
  witness: z
    .enum(['ignore', 'warn', 'require'])
    .exactOptional()
    .describe(
      "What is done about images that the site's own copy of dockerfiles-info (--witness) does not know. With require the bundle is refused, also where no copy is given. Default: warn.",
    ),
});

export type PolicyDocument = z.infer<typeof policySchema>;

/** Passes texts of which `fault` finds nothing to say. */
function fitsWhen(fault: (text: string) => string | undefined): z.core.CheckFn<string> {
  return ({ value, issues }) => {
    const message = value === '' ? 'it is empty' : fault(value);
    if (message !== undefined) issues.push({ code: 'custom', message, input: value });
  };
}

function durationFault(text: string): string | undefined {
  try {
    parseDuration(text);
    return undefined;
  } catch (fault) {
    return messageOf(fault);
  }
}
