import { PackferryError } from '../core/errors.ts';
import { quote } from '../core/quote.ts';

const form = /^(?:SHA256:)?([A-Za-z0-9+/]{43})=?$/;

/** Is this a whole fingerprint of a key, with or without `SHA256:` before it? */
export function isFingerprint(text: string): boolean {
  return form.test(text.trim());
}

/** The fingerprint in its one spelling, `SHA256:` and 43 characters; `E_USAGE` for anything else. */
export function readFingerprint(text: string): string {
  const [, digest] = form.exec(text.trim()) ?? [];
  if (digest !== undefined) return `SHA256:${digest}`;
  throw new PackferryError('E_USAGE', `${quote(text)} is no fingerprint`, {
    hint: 'It reads SHA256: and 43 characters, as ssh-keygen -lf FILE.pub and packferry keygen print it.',
  });
}
