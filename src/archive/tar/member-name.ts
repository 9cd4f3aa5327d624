import { limits } from '../../core/limits.ts';

/** A name out of an archive in its one form, or why it is refused. */
export type MemberName = { readonly name: string } | { readonly fault: string };

/**
 * Brings a member's name into one form: no `./`, no doubled or closing slash. Names that lead out of the archive are
 * refused, and so are characters that readers of tar do not agree on.
 */
export function memberName(written: string): MemberName {
  if (Buffer.byteLength(written) > limits.saveName) {
    return { fault: `a name of over ${limits.saveName} bytes` };
  }
  if (/\p{Cc}/u.test(written)) return { fault: 'a control character in the name' };
  if (written.includes('\\')) return { fault: 'a backslash in the name' };
  if (written.startsWith('/')) return { fault: 'an absolute name' };
  const parts = written.split('/').filter((part) => part !== '' && part !== '.');
  if (parts.includes('..')) return { fault: '".." in the name' };
  // The folder that was archived itself: tar -C FOLDER -c .
  return { name: parts.length === 0 ? '.' : parts.join('/') };
}

const hex = '[0-9a-f]{64}';
const legacyLayer = new RegExp(`^${hex}/layer\\.tar$`);
const legacyTarget = new RegExp(`^\\.\\./(${hex}/layer\\.tar|${hex}\\.tar)$`);
const hardTarget = new RegExp(`^(?:${hex}/layer\\.tar|${hex}\\.tar)$`);

/**
 * What a link stands for, as a member's name; undefined for every link but those that Docker before 25 and Podman
 * write for layers: `<id>/layer.tar`, to another layer.
 */
export function linkedLayer(name: string, target: string, isSymbolic: boolean): string | undefined {
  if (!legacyLayer.test(name)) return undefined;
  if (isSymbolic) return legacyTarget.exec(target)?.[1];
  return hardTarget.test(target) && target !== name ? target : undefined;
}
