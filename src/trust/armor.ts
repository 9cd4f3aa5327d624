import { limits } from '../core/limits.ts';
import { decodeBase64 } from '../core/base64.ts';
import type { Fail } from '../core/ssh-keys/wire.ts';

const begin = '-----BEGIN SSH SIGNATURE-----\n';
const end = '\n-----END SSH SIGNATURE-----';

/** ssh-keygen's width; with it, deterministic signatures equal its files byte for byte. */
const lineWidth = 70;

/** Wraps an SSHSIG blob as ssh-keygen writes it. */
export function encodeArmor(blob: Buffer): string {
  const lines = blob.toString('base64').match(new RegExp(`.{1,${lineWidth}}`, 'g')) ?? [];
  return `${begin}${lines.join('\n')}${end}\n`;
}

/**
 * The blob of an armored signature file, at most `limits.signature` bytes. Lines may have any length, but nothing
 * may stand outside the armor (it would be unsigned data in a signature file), and there are no blank lines, spaces,
 * carriage returns or loose base64.
 */
export function decodeArmor(file: Uint8Array, fail: Fail): Buffer {
  if (file.byteLength > limits.signature) throw fail(`it is over the limit of ${limits.signature} bytes`);
  const text = Buffer.from(file).toString('latin1');
  if (text.includes('\r')) throw fail('its lines end with CRLF; SSH signatures end lines with LF');
  if (!text.startsWith(begin)) throw fail(`it does not start with "${begin.trim()}"`);

  const body = text.slice(begin.length - 1);
  const endAt = body.indexOf(end);
  if (endAt < 0) throw fail(`it has no line "${end.trim()}"`);
  const after = body.slice(endAt + end.length);
  if (after !== '' && after !== '\n') throw fail('there is unsigned data after its last line');

  // The first line is what stands before the line feed that closes the BEGIN line: empty.
  const [, ...lines] = body.slice(0, endAt).split('\n');
  const blob = lines.includes('') ? undefined : decodeBase64(lines.join(''));
  if (blob === undefined) throw fail('it holds no proper base64');
  return blob;
}
