import { rawMember, endMark } from './tar-raw.ts';
import type { ZipMember } from './zip-file.ts';

/** A member of an archive that wants to write outside of where it is unpacked. */
interface Escaping {
  readonly name: string;
  /** Of a symbolic link. */
  readonly target?: string;
  /** Of a hard link. */
  readonly sameAs?: string;
}

/**
 * The layouts of github.com/jwilk/traversal-archives, and some more. `outside` is the absolute path of a folder that
 * must stay empty, `mark` a file name that must appear nowhere.
 */
export function traversals(outside: string, mark: string): Readonly<Record<string, readonly Escaping[]>> {
  return {
    'a leading slash': [{ name: `${outside}/${mark}` }],
    'two leading slashes': [{ name: `/${outside}/${mark}` }],
    'a leading dot-dot': [{ name: `../${mark}` }],
    'dot-dot after a folder': [{ name: `tmp/../../${mark}` }],
    'a symbolic link, then a file of its name': [
      { name: 'moo', target: `${outside}/${mark}` },
      { name: 'moo' },
    ],
    'a link to a folder, then a file in it': [{ name: 'tmp', target: outside }, { name: `tmp/${mark}` }],
    'two links to folders, the one through the other': [
      { name: 'cur', target: '.' },
      { name: 'par', target: 'cur/..' },
      { name: `par/${mark}` },
    ],
    'a link behind a link': [
      { name: 'cur', target: '.' },
      { name: 'cur/par', target: '..' },
      { name: `par/${mark}` },
    ],
    'many dot-dots': [{ name: `${'../'.repeat(40)}${outside.slice(1)}/${mark}` }],
    'dot-dot behind a dot': [{ name: `./../${mark}` }],
    backslashes: [{ name: `..\\..\\${mark}` }],
    'a hard link to a file outside': [{ name: 'moo', sameAs: `${outside}/../kept` }, { name: 'moo' }],
    'a hard link by dot-dot': [{ name: 'moo', sameAs: '../../../kept' }, { name: 'moo' }],
    'a link as the name of the list of images': [{ name: 'manifest.json', target: `${outside}/${mark}` }],
  };
}

/** These members, and then the others, in a tar archive. */
export function tarWith(hostile: readonly Escaping[], content: string | Buffer, rest: Buffer): Buffer {
  const members = hostile.map(({ name, target, sameAs }) => {
    if (target !== undefined) return rawMember({ name, type: '2', target });
    if (sameAs !== undefined) return rawMember({ name, type: '1', target: sameAs });
    return rawMember({ ...splitName(name) }, content);
  });
  return Buffer.concat([...members, rest.subarray(0, -endMark.length), endMark]);
}

/** The same members for a zip archive, which knows no hard links. */
export function zipMembers(hostile: readonly Escaping[], content: string): ZipMember[] {
  return hostile.map(({ name, target, sameAs }) =>
    target === undefined ? { name, content: sameAs ?? content } : { name, content: target, mode: 0o120777 },
  );
}

/** Longer names stand in two fields. */
function splitName(name: string): { readonly name: string; readonly prefix?: string } {
  if (name.length <= 100) return { name };
  const at = name.indexOf('/', name.length - 100);
  return { name: name.slice(at + 1), prefix: name.slice(0, at) };
}
