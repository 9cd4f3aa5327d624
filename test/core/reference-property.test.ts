import test from 'ava';
import { formatReference, nameOf, parseReference, tagNameOf } from '../../src/core/reference.ts';
import { PackferryError } from '../../src/core/errors.ts';
import { randomFrom, type Random } from '../helpers/random.ts';

const pick = <T>(random: Random, list: readonly [T, ...T[]]): T => list[random(list.length)] ?? list[0];
const some = (random: Random, letters: string, most: number): string =>
  Array.from({ length: 1 + random(most) }, () => letters[random(letters.length)]).join('');

const lower = 'abcdefghijklmnopqrstuvwxyz0123456789';
const host = `${lower}ABCDEFGHIJKLMNOPQRSTUVWXYZ`;

interface Parts {
  readonly registry: string;
  readonly repository: string;
  readonly tag: string | undefined;
  readonly digest: string | undefined;
}

function component(random: Random): string {
  const parts = Array.from({ length: 1 + random(3) }, () => some(random, lower, 5));
  return parts.join(pick(random, ['.', '_', '__', '-', '---']));
}

function registry(random: Random): string {
  const kind = random(5);
  if (kind === 0) return 'docker.io';
  if (kind === 1) return `localhost${random(2) === 0 ? '' : ':5000'}`;
  if (kind === 2) return `[2001:db8::${random(99)}]:${1 + random(65_000)}`;
  const name = Array.from({ length: 2 + random(2) }, () => some(random, host, 6)).join('.');
  return random(2) === 0 ? name : `${name}:${1 + random(65_000)}`;
}

function anyParts(random: Random): Parts {
  const path = Array.from({ length: 2 + random(3) }, () => component(random)).join('/');
  const hasDigest = random(3) === 0;
  return {
    registry: registry(random),
    repository: path,
    tag: !hasDigest || random(2) === 0 ? some(random, `${host}_.-`, 20).replace(/^[.-]/, '_') : undefined,
    digest: hasDigest
      ? `sha256:${Array.from({ length: 64 }, () => '0123456789abcdef'[random(16)]).join('')}`
      : undefined,
  };
}

function textOf({ registry: where, repository, tag, digest }: Parts): string {
  return `${where}/${repository}${tag === undefined ? '' : `:${tag}`}${digest === undefined ? '' : `@${digest}`}`;
}

test('what the grammar makes is read back part by part, and written as it was', (t) => {
  const random = randomFrom(20_261_123);
  for (let run = 0; run < 5000; run += 1) {
    const parts = anyParts(random);
    const text = textOf(parts);
    const read = parseReference(text);
    t.deepEqual(
      [read.registry, read.repository, read.tag, read.digest],
      [parts.registry, parts.repository, parts.tag, parts.digest],
      text,
    );
    t.is(formatReference(read), text);
    t.is(nameOf(read), `${parts.registry}/${parts.repository}`);
    t.is(
      tagNameOf(read),
      parts.tag === undefined ? undefined : `${parts.registry}/${parts.repository}:${parts.tag}`,
    );
    t.deepEqual({ ...parseReference(formatReference(read)) }, { ...read });
  }
});

test('short names mean Docker Hub, and normalising twice changes nothing', (t) => {
  const random = randomFrom(7);
  for (let run = 0; run < 2000; run += 1) {
    const name = some(random, lower, 12);
    // A name of 64 hex digits would be an image ID; these are shorter.
    const short = random(2) === 0 ? name : `${component(random).replaceAll('.', '_')}/${name}`;
    const full = formatReference(parseReference(short));
    t.true(full.startsWith('docker.io/'), short);
    t.true(full.endsWith(':latest'));
    t.is(formatReference(parseReference(full)), full);
  }
});

test('mutated references are read or refused, never anything else, and what is read is stable', (t) => {
  const random = randomFrom(42);
  const junk = ['/', ':', '@', '..', '-', ' ', 'A', '%', '\u0000', 'ü', '[', ']', '//', ':a:b'] as const;
  let refused = 0;
  for (let run = 0; run < 5000; run += 1) {
    const text = textOf(anyParts(random));
    const at = random(text.length);
    const mutated = text.slice(0, at) + pick(random, junk) + text.slice(at + random(3));
    try {
      const read = parseReference(mutated);
      const again = parseReference(formatReference(read));
      t.is(formatReference(again), formatReference(read), mutated);
    } catch (fault) {
      t.true(fault instanceof PackferryError && fault.code === 'E_REFERENCE_INVALID', mutated);
      refused += 1;
    }
  }
  t.true(refused > 2000, String(refused));
});
