import { PackferryError } from '../../core/errors.ts';

/** The error for an archive that is not accepted: names it, the member where there is one, and what is wrong. */
export function archiveFault(
  archive: string,
  member: string | undefined,
  why: string,
  cause?: unknown,
): PackferryError {
  const where = member === undefined ? archive : `${archive}: ${shownName(member)}`;
  return new PackferryError('E_ARCHIVE_MALFORMED', `${where}: ${why}`, {
    hint: 'Make the archive anew, with "docker save", "podman save" or "skopeo copy", and do not edit it.',
    ...(cause === undefined ? {} : { cause }),
  });
}

/** A name out of an archive as messages show it: no control or direction characters, and not too long. */
export function shownName(name: string): string {
  const plain = name.replace(
    /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu,
    (character) => `\\u${(character.codePointAt(0) ?? 0).toString(16).padStart(4, '0')}`,
  );
  return plain.length > 150 ? `${plain.slice(0, 150)}...` : plain;
}
