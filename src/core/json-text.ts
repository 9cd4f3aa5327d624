import { redactAll } from './redact.ts';

/**
 * A value as the JSON that is printed: without secrets, and with escapes for what JSON lets stand and terminals act upon
 * (C1 controls, directions, separators of lines). A reader of JSON gets the same characters.
 */
export function jsonText(value: unknown, indent?: number): string {
  return JSON.stringify(redactAll(value), null, indent).replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (character) =>
    // The line breaks of the form itself.
    character === '\n' ? character : escapeOf(character),
  );
}

function escapeOf(character: string): string {
  // Those beyond the first plane are two units.
  return Array.from({ length: character.length }, (_, at) => character.charCodeAt(at))
    .map((unit) => `\\u${unit.toString(16).padStart(4, '0')}`)
    .join('');
}
