import { PackferryError } from '../../core/errors.ts';

const hint =
  'Look who made that folder, and remove it; or stage elsewhere: --stage-dir DIR, a folder below which only this user or root may write.';

/** A line of `ls -ldn` (POSIX.1-2017, ls, "STDOUT"). */
interface Listed {
  /** `d`, `l` and their like. */
  readonly type: string;
  readonly group: string;
  readonly others: string;
  readonly uid: number;
  readonly gid: number;
}

/** Whose the folder of everything staged is. */
export interface StageRoot {
  readonly path: string;
  readonly uid: number;
}

/**
 * Reads what `makeRoot` printed, and refuses a folder that is not this user's alone, is a link, or lies where others could
 * put another one in its place. Throws `E_TARGET_UNWRITABLE`.
 */
export function readRoot(output: string, host: string): StageRoot {
  const [first = '', ...rest] = output.trimEnd().split('\n');
  const [, uid, gid, path = ''] = /^([0-9]+) ([0-9]+) (\/.*)$/.exec(first) ?? [];
  const [own, ...above] = rest;
  if (uid === undefined || own === undefined || above.length === 0)
    throw unsafe(`${host}: the folder for staging cannot be looked at`);
  const me = { uid: Number(uid), gid: Number(gid) };
  checkOwn(own, me.uid, `${host}: ${path}`);
  for (const line of above) {
    const { type, uid: owner, gid: group, ...may } = listed(line, host);
    const isSticky = /t$/i.test(may.others);
    const isShared = may.others.includes('w') || (may.group.includes('w') && group !== me.gid);
    const isTheirs = owner !== 0 && owner !== me.uid;
    if (type !== 'd' || isTheirs || (isShared && !isSticky))
      throw unsafe(`${host}: ${path}: others than this user may write into a folder above it`);
  }
  return { path, uid: me.uid };
}

/** Is the folder on this line this user's, and nobody else's? Throws `E_TARGET_UNWRITABLE`. */
export function checkOwn(line: string, uid: number, what: string): void {
  const { type, uid: owner, group, others } = listed(line, what);
  const why =
    type === 'l'
      ? 'a link stands there'
      : type !== 'd'
        ? 'that is no folder'
        : owner !== uid
          ? `it belongs to the user with number ${owner}`
          : `${group}${others}` === '------'
            ? undefined
            : 'others may look into it';
  if (why !== undefined) throw unsafe(`${what}: nothing is staged there: ${why}`);
}

function listed(line: string, what: string): Listed {
  const [, type, group, others, uid, gid] =
    /^(.)...(...)(...)[.+@]? +[0-9]+ +([0-9]+) +([0-9]+) /.exec(line) ?? [];
  if (type === undefined || group === undefined || others === undefined)
    throw unsafe(`${what}: the folder for staging cannot be looked at`);
  return { type, group, others, uid: Number(uid), gid: Number(gid) };
}

function unsafe(message: string): PackferryError {
  return new PackferryError('E_TARGET_UNWRITABLE', message, { hint });
}
