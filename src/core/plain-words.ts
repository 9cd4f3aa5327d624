import { redact } from './redact.ts';

const maxLength = 1000;

/**
 * What somebody else said, fit for a message: one line, no control or direction characters, no secrets, at most 1000
 * characters.
 */
export function plainWords(text: string): string {
  const plain = redact(text)
    .replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\s]+/gu, ' ')
    .trim();
  if (plain === '') return 'nothing';
  return plain.length > maxLength ? `${plain.slice(0, maxLength)}...` : plain;
}
