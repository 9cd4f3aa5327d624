import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { lstat, readdir } from 'node:fs/promises';
import path from 'node:path';
import type { Digest } from '../../core/digest.ts';
import { messageOf, PackferryError, systemCodeOf } from '../../core/errors.ts';
import { limits } from '../../core/limits.ts';
import { formatSize } from '../../core/size.ts';
import { sumUp } from '../../core/sum-up.ts';
import { shown } from './requirement.ts';

/** A Python package as a file that is only unpacked. */
export interface Wheel {
  readonly name: string;
  /** On this machine. */
  readonly file: string;
  readonly size: number;
  readonly digest: Digest;
}

/** `{distribution}-{version}(-{build})-{python}-{abi}-{platform}.whl` (PyPA, "Binary distribution format"). */
const part = '[A-Za-z0-9][A-Za-z0-9._+!]*';
const wheelName = new RegExp(`^${part}-${part}(?:-[0-9][A-Za-z0-9._]*)?-${part}-${part}-${part}\\.whl$`);
const maxName = 200;

/**
 * The wheels of a folder, in the order of their names, each hashed. Throws `E_BUILD_INVALID` with everything in it that is
 * no wheel: pip would pass it over in silence, and then miss it.
 */
export async function readWheels(dir: string, signal: AbortSignal): Promise<readonly Wheel[]> {
  const names = await namesIn(dir);
  const faults: PackferryError[] = [];
  const sizes = new Map<string, number>();
  for (const name of names) {
    const fault = wheelName.test(name) && name.length <= maxName ? undefined : notWheel(dir, name);
    const stats = await lstat(path.join(dir, name));
    if (fault !== undefined) faults.push(fault);
    else if (!stats.isFile()) faults.push(notFile(dir, name));
    else if (stats.size > limits.wheel) faults.push(tooLarge(`${name} in ${dir}`, stats.size, limits.wheel));
    else sizes.set(name, stats.size);
  }
  if (faults.length > 0) throw sumUp('E_BUILD_INVALID', dir, faults);
  checkTogether(dir, sizes);
  const wheels: Wheel[] = [];
  for (const [name, size] of sizes) {
    const file = path.join(dir, name);
    wheels.push({ name, file, size, digest: await hashOf(file, signal) });
  }
  return wheels;
}

function whyUnread(fault: unknown): string {
  return systemCodeOf(fault) === 'ENOENT' ? 'does not exist' : `cannot be read: ${messageOf(fault)}`;
}

async function namesIn(dir: string): Promise<readonly string[]> {
  try {
    const names = await readdir(dir);
    // By code unit: the same on every machine, whatever its language.
    return names.sort((a, b) => (a < b ? -1 : 1));
  } catch (cause) {
    throw new PackferryError('E_BUILD_INVALID', `the folder of wheels, ${dir}, ${whyUnread(cause)}`, {
      hint: 'Fill a folder with "pip download --only-binary=:all: -d DIR REQUIREMENT...", and name it: --wheels DIR.',
      cause,
    });
  }
}

function checkTogether(dir: string, sizes: ReadonlyMap<string, number>): void {
  const hint = 'Put only what the image needs into the folder.';
  if (sizes.size === 0)
    throw new PackferryError('E_BUILD_INVALID', `${dir}: there is no wheel in it`, {
      hint: 'Fill it with "pip download --only-binary=:all: -d DIR REQUIREMENT...".',
    });
  if (sizes.size > limits.wheels) {
    const message = `${dir}: ${sizes.size} wheels, more than ${limits.wheels}`;
    throw new PackferryError('E_BUILD_INVALID', message, { hint });
  }
  const together = [...sizes.values()].reduce((sum, size) => sum + size, 0);
  if (together > limits.wheelsTogether) throw tooLarge(dir, together, limits.wheelsTogether);
}

async function hashOf(file: string, signal: AbortSignal): Promise<Digest> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(file, { signal }) as AsyncIterable<Buffer>) hash.update(chunk);
  return `sha256:${hash.digest('hex')}`;
}

function notWheel(dir: string, name: string): PackferryError {
  return new PackferryError('E_BUILD_INVALID', `${dir}: ${shown(name)} is no wheel`, {
    hint: 'Only wheels can be installed without an index and a compiler: NAME-VERSION-PYTHON-ABI-PLATFORM.whl. "pip wheel" makes one of a source package.',
  });
}

function notFile(dir: string, name: string): PackferryError {
  return new PackferryError('E_BUILD_INVALID', `${dir}: ${shown(name)} is a link or no file`, {
    hint: 'Put the file itself there.',
  });
}

function tooLarge(what: string, size: number, most: number): PackferryError {
  return new PackferryError(
    'E_BUILD_INVALID',
    `${what} takes ${formatSize(size)}, more than ${formatSize(most)}`,
    { hint: 'Put only what the image needs into the folder.' },
  );
}
