import { PackferryError } from '../../../core/errors.ts';
import { readFingerprint, isFingerprint } from '../../../trust/fingerprint.ts';
import type { TrustAddReport } from '../../../schema/reports-trust.ts';
import { askLine, isInteractive } from '../../prompt.ts';
import type { Session } from '../../session.ts';
import { visible } from '../../text/visible.ts';

/** How often a slip in 43 characters may be mended. */
const attempts = 3;

/**
 * Lets somebody compare the fingerprint of a key before it is trusted. It has to be typed, or given on the command line,
 * and is not shown before: whoever only copies what the screen says has compared nothing. Throws `E_FINGERPRINT_MISMATCH`,
 * and `E_USAGE` where nobody can be asked.
 */
export async function compareFingerprint(
  { context, pause }: Session,
  key: TrustAddReport['key'],
  given: string | undefined,
): Promise<void> {
  if (given !== undefined) {
    if (readFingerprint(given) === key.fingerprint) return;
    throw mismatch(key);
  }
  if (!isInteractive(context)) {
    throw new PackferryError('E_USAGE', 'there is no terminal to ask for the fingerprint of the key', {
      hint: 'Give the fingerprint that its owner told you: --fingerprint SHA256:...',
    });
  }
  pause();
  const authority = key.authority ? 'as an authority for ' : 'as ';
  context.stderr.write(
    `A key of type ${key.keyType} is to be trusted ${authority}${visible(key.principals)}.\n` +
      'Ask its owner over another channel than the one it came by for its fingerprint (ssh-keygen -lf FILE.pub).\n',
  );
  for (let attempt = 1; attempt <= attempts; attempt += 1) {
    const typed = (await askLine(context, 'Fingerprint (SHA256:...): ')).trim();
    if (typed === '') break;
    if (isFingerprint(typed) && readFingerprint(typed) === key.fingerprint) return;
    if (attempt < attempts) context.stderr.write('That is not the fingerprint of this key.\n');
  }
  throw mismatch(key);
}

function mismatch({ principals }: TrustAddReport['key']): PackferryError {
  return new PackferryError(
    'E_FINGERPRINT_MISMATCH',
    `the key that is to be trusted as ${principals} has another fingerprint than the one that was typed or given`,
    {
      hint: 'Nothing was changed. If you mistyped it, try again; otherwise somebody may have put another key in its place.',
    },
  );
}
