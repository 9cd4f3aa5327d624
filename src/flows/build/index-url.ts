import { PackferryError } from '../../core/errors.ts';
import { redact } from '../../core/redact.ts';
import { shown } from './requirement.ts';

/** An index of Python packages. */
export interface IndexUrl {
  readonly url: string;
  /** Set where it is asked in the clear: pip wants to be told that this is meant. */
  readonly clearHost?: string;
}

const shape =
  /^(https?):\/\/([A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?)(?::[0-9]{1,5})?(?:\/[A-Za-z0-9._~/-]*)?$/;

/** Reads the URL of an index. It is kept in the image for all to read, so it has no user and no query. Throws `E_BUILD_INVALID`. */
export function indexUrl(text: string): IndexUrl {
  const [url, scheme, host] = shape.exec(text.slice(0, 501)) ?? [];
  if (url === undefined || host === undefined || text.length > 500) {
    throw new PackferryError(
      'E_BUILD_INVALID',
      `${shown(redact(text))} is no URL of a Python package index`,
      {
        hint: 'Write it as https://HOST[:PORT]/PATH, without user, password and query: whoever has the image can read it.',
      },
    );
  }
  return scheme === 'http' ? { url, clearHost: host } : { url };
}
