import { parsePatternList, type PatternList } from '../core/pattern-list.ts';
import { isKeyTypeName } from '../core/ssh-keys/key-types.ts';
import { parsePublicKey, type PublicKey } from './public-key.ts';
import { parseSshTime } from './ssh-time.ts';
import { quote } from '../core/quote.ts';
import type { Fail } from '../core/ssh-keys/wire.ts';

/** One line of allowed_signers: whom a key stands for, and what it may sign when. */
export interface AllowedSigner {
  /** Counted from 1. */
  readonly line: number;
  readonly principals: PatternList;
  /** The key signs certificates, and only signatures by certified keys count; their own names must match too. */
  readonly certAuthority?: true;
  /** Absent: every namespace. */
  readonly namespaces?: PatternList;
  /** First and last moment at which the key is accepted, both inclusive. */
  readonly validAfter?: Date;
  readonly validBefore?: Date;
  readonly key: PublicKey;
}

type Options = Pick<AllowedSigner, 'certAuthority' | 'namespaces' | 'validAfter' | 'validBefore'>;

/** Characters that would let a name pose as another or break a line: controls, invisible ones, quotes. */
export const unfitInNames = /[\p{C}\p{Z}"]/u;

/**
 * Reads one line that is neither blank nor a comment (ssh-keygen(1), "ALLOWED SIGNERS"):
 * `principals [options] keytype base64 [comment]`. Throws `fail` for anything else.
 */
export function parseAllowedLine(text: string, line: number, fail: Fail): AllowedSigner {
  if (/\p{Cc}/u.test(text.replaceAll('\t', ' '))) throw fail('control characters are not allowed');
  const [, names = '', rest = ''] = /^(\S+)[ \t]*(.*)$/.exec(text) ?? [];
  if (unfitInNames.test(names)) throw fail('the principals hold quotes or invisible characters');
  const principals = parsePatternList(names);
  if (principals === undefined) {
    throw fail(`${quote(names)} matches nobody: a pattern is empty, or all of them exclude`);
  }
  const { options, keyText } = splitOptions(rest, fail);
  return { line, principals, ...options, key: readKey(keyText, fail) };
}

function readKey(text: string, fail: Fail): PublicKey {
  const { type, blob, comment, loaded } = parsePublicKey(text, fail);
  if (loaded.certificate === undefined) return { type, blob, comment };
  throw fail(
    'a certificate cannot stand here: list its key, or the key of its authority with "cert-authority"',
  );
}

/** Options are what stands between the principals and the key, if that is no key type yet. */
function splitOptions(rest: string, fail: Fail): { options: Options; keyText: string } {
  const [first = ''] = rest.split(/[ \t]/, 1);
  if (isKeyTypeName(first)) return { options: {}, keyText: rest };

  // NAME or NAME="VALUE", where VALUE may hold \" for a quote.
  const option = /([a-z-]+)(?:="((?:\\"|[^"\\]|\\(?!"))*)")?(,|[ \t]+|$)/iy;
  const values = new Map<string, string | undefined>();
  let hasMore = true;
  while (hasMore) {
    const match = option.exec(rest);
    if (match === null) throw fail('there is neither a proper option nor a public key of a known type');
    const [, name = '', value, separator] = match;
    const key = name.toLowerCase();
    if (values.has(key)) throw fail(`the option ${quote(name)} stands twice`);
    values.set(key, value?.replaceAll('\\"', '"'));
    hasMore = separator === ',';
    if (!hasMore) rest = rest.slice(option.lastIndex);
  }
  return { options: readOptions(values, fail), keyText: rest };
}

function readOptions(values: ReadonlyMap<string, string | undefined>, fail: Fail): Options {
  let options: Options = {};
  for (const [name, value] of values) {
    switch (name) {
      case 'namespaces':
        options = { ...options, namespaces: readNamespaces(value, fail) };
        break;
      case 'valid-after':
        options = { ...options, validAfter: readTime(name, value, fail) };
        break;
      case 'valid-before':
        options = { ...options, validBefore: readTime(name, value, fail) };
        break;
      case 'cert-authority':
        if (value !== undefined) throw fail('"cert-authority" takes no value');
        options = { ...options, certAuthority: true };
        break;
      default:
        throw fail(`unknown option ${quote(name)}`);
    }
  }
  const { validAfter, validBefore } = options;
  if (validAfter && validBefore && validBefore <= validAfter) {
    throw fail('"valid-before" is not later than "valid-after"');
  }
  return options;
}

function readNamespaces(value: string | undefined, fail: Fail): PatternList {
  const list = value === undefined ? undefined : parsePatternList(value);
  if (list === undefined) throw fail('"namespaces" needs a quoted list of which something can match');
  return list;
}

function readTime(name: string, value: string | undefined, fail: Fail): Date {
  const time = value === undefined ? undefined : parseSshTime(value);
  if (time === undefined) throw fail(`"${name}" needs a quoted time, YYYYMMDD[HHMM[SS]][Z]`);
  return time;
}
