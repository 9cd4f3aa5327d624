import { chmod, readFile, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { PackferryError } from '../../src/core/errors.ts';
import { silent } from '../../src/core/events.ts';
import { algorithmsFor, fingerprintOf, keyTypeOf } from '../../src/ssh/host-key.ts';
import { addKnownHost } from '../../src/ssh/known-hosts-append.ts';
import { parseKnownHostsLine } from '../../src/ssh/known-hosts-line.ts';
import { readKnownHosts, type HostName } from '../../src/ssh/known-hosts.ts';
import { noting } from '../helpers/ssh-user.ts';
import { sshKeygen, withSshKeygen } from '../helpers/ssh-keygen.ts';
import { withTempFolder } from '../helpers/system-service.ts';

/** A key as its wire form has it; what follows the type does not matter to files of hosts. */
function keyOf(type: string, seed: string) {
  const name = Buffer.alloc(4 + type.length);
  name.writeUInt32BE(type.length);
  name.write(type, 4);
  const content = Buffer.from(seed.padEnd(32, seed));
  const length = Buffer.alloc(4);
  length.writeUInt32BE(content.length);
  return { type, blob: Buffer.concat([name, length, content]) };
}

const mine = keyOf('ssh-ed25519', 'mine');
const other = keyOf('ssh-ed25519', 'other');
const rsa = keyOf('ssh-rsa', 'rsa');
const text = ({ type, blob }: { readonly type: string; readonly blob: Buffer }): string =>
  `${type} ${blob.toString('base64')}`;

async function judge(lines: readonly string[], host: HostName): Promise<string> {
  return withTempFolder(async (folder) => {
    const file = path.join(folder, 'known_hosts');
    await writeFile(file, lines.join('\n'));
    return (await readKnownHosts([file], [], silent)).judge(host, mine).verdict;
  });
}

const at = (name: string, port = 22): HostName => ({ name, port });

const judged = test.macro({
  async exec(t, expected: string, lines: readonly string[], host: HostName) {
    t.is(await judge(lines, host), expected);
  },
  title: (what) => `known hosts: ${what}`,
});

test('one of several names', judged, 'known', [`a,host,1.2.3.4 ${text(mine)}`], at('1.2.3.4'));
test('a name in another case', judged, 'known', [`HOST ${text(mine)}`], at('host'));
test('a comment behind the key', judged, 'known', [`host ${text(mine)} root@host and more`], at('host'));
test('tabs and CRLF', judged, 'known', [`host\t${text(mine)}\r`], at('host'));
test('a pattern', judged, 'known', [`*.example,!bad.example ${text(mine)}`], at('good.example'));
test('an excluded name', judged, 'unknown', [`*.example,!bad.example ${text(mine)}`], at('bad.example'));
test('? is one character', judged, 'unknown', [`host? ${text(mine)}`], at('host'));
test('another port', judged, 'known', [`[host]:2222 ${text(mine)}`], at('host', 2222));
test('a port that only another host has', judged, 'unknown', [`[host]:2222 ${text(mine)}`], at('host', 2223));
test(
  'the line of another port does not serve the usual one',
  judged,
  'unknown',
  [`[host]:2222 ${text(mine)}`],
  at('host'),
);
test('the plain name serves another port', judged, 'known', [`host ${text(mine)}`], at('host', 2222));
test(
  'the plain name with another key leaves another port unknown',
  judged,
  'unknown',
  [`host ${text(other)}`],
  at('host', 2222),
);
test(
  'the plain name does not count once the port is known',
  judged,
  'changed',
  [`host ${text(mine)}`, `[host]:2222 ${text(other)}`],
  at('host', 2222),
);
test(
  'any line with the right key will do',
  judged,
  'known',
  [`host ${text(other)}`, `host ${text(mine)}`],
  at('host'),
);
test('a key of another type than the known one', judged, 'changed', [`host ${text(rsa)}`], at('host'));
test(
  'a revoked key that is also known',
  judged,
  'revoked',
  [`host ${text(mine)}`, `@revoked * ${text(mine)}`],
  at('host'),
);
test(
  'a revoked key under the plain name',
  judged,
  'revoked',
  [`[host]:9 ${text(mine)}`, `@revoked host ${text(mine)}`],
  at('host', 9),
);
test(
  'a key that is revoked for another host',
  judged,
  'known',
  [`host ${text(mine)}`, `@revoked elsewhere ${text(mine)}`],
  at('host'),
);
test(
  'the key of an authority is no key of a host',
  judged,
  'unknown',
  [`@cert-authority * ${text(mine)}`],
  at('host'),
);
test('an alias has no port', judged, 'known', [`alias ${text(mine)}`], { name: 'alias', port: undefined });

const malformed = test.macro({
  exec(t, line: string) {
    t.is(typeof parseKnownHostsLine(line), 'string');
  },
  title: (what) => `known hosts: malformed: ${what}`,
});
test('no key', malformed, 'host ssh-ed25519');
test('a key that is no base64', malformed, 'host ssh-ed25519 !!!!');
test('a key of another type than it says', malformed, `host ssh-rsa ${mine.blob.toString('base64')}`);
test('an unknown marker', malformed, `@trusted host ${text(mine)}`);
test('an empty name in a list', malformed, `,host ${text(mine)}`);
test('a hash in another form', malformed, `|2|AAAA|AAAA ${text(mine)}`);
test('a hash that is cut', malformed, `|1|AAAA|AAAA ${text(mine)}`);

test('a malformed line is skipped and told with its place; one that would revoke a key is an error', async (t) => {
  await withTempFolder(async (folder) => {
    const file = path.join(folder, 'known_hosts');
    await writeFile(file, `nonsense\nhost ${text(mine)}\n`);
    const { emit, notes } = noting();
    const known = await readKnownHosts([file], [], emit);
    t.is(known.judge(at('host'), mine).verdict, 'known');
    t.true(notes().includes(`${file}:1`), notes());

    await writeFile(file, `@revoked host ssh-ed25519 AAAA\nhost ${text(mine)}\n`);
    const error = await t.throwsAsync(readKnownHosts([file], [], silent), { instanceOf: PackferryError });
    t.is(error.code, 'E_SSH_CONFIG');
    t.true(error.message.startsWith(`${file}:1: `), error.message);
  });
});

test('files that are not there are left out; one that cannot be read may revoke keys, and is an error', async (t) => {
  await withTempFolder(async (folder) => {
    t.is(
      (await readKnownHosts([path.join(folder, 'none')], [], silent)).judge(at('host'), mine).verdict,
      'unknown',
    );
    const error = await t.throwsAsync(readKnownHosts([folder], [], silent), { instanceOf: PackferryError });
    t.is(error.code, 'E_SSH_CONFIG');
    // A list of revoked keys that somebody named has to be there.
    await t.throwsAsync(readKnownHosts([], [path.join(folder, 'none')], silent), {
      instanceOf: PackferryError,
    });
    const list = path.join(folder, 'revoked');
    await writeFile(list, `# lost\n${text(mine)} comment\n`);
    t.is((await readKnownHosts([], [list], silent)).judge(at('any'), mine).verdict, 'revoked');
    await writeFile(list, Buffer.from('SSHKRL\n\0 binary'));
    await t.throwsAsync(readKnownHosts([], [list], silent), { instanceOf: PackferryError });
  });
});

test('keys of the known types are asked for first', async (t) => {
  await withTempFolder(async (folder) => {
    const file = path.join(folder, 'known_hosts');
    await writeFile(file, `host ${text(rsa)}\n`);
    const known = await readKnownHosts([file], [], silent);
    t.deepEqual(algorithmsFor(known.typesOf(at('host'))).all.slice(0, 2), ['rsa-sha2-512', 'rsa-sha2-256']);
    t.deepEqual(algorithmsFor(known.typesOf(at('host', 2222))).all.slice(0, 2), [
      'rsa-sha2-512',
      'rsa-sha2-256',
    ]);
    t.is(algorithmsFor(known.typesOf(at('elsewhere'))).all[0], 'ssh-ed25519');
    t.false(algorithmsFor(new Set(['ssh-rsa'])).all.includes('ssh-rsa'), 'no signatures by SHA-1');
  });
});

test('certificates come first where an authority may certify the host, and never where nothing is said of them', (t) => {
  const short = (names: readonly string[]): string[] => names.map((name) => name.replace(/-v01@.*/, ''));
  const known = new Set(['ecdsa-sha2-nistp256']);
  const plain = algorithmsFor(known);
  t.deepEqual(plain.all, plain.plain);
  t.false(short(plain.all).some((name) => name.endsWith('-cert')));
  const first = algorithmsFor(known, 'first');
  t.deepEqual(first.plain, plain.plain, 'what ssh2 knows stays the same');
  t.deepEqual(first.all.slice(6), plain.plain);
  t.deepEqual(short(first.all).slice(0, 6), [
    'ssh-ed25519-cert',
    'ecdsa-sha2-nistp256-cert',
    'ecdsa-sha2-nistp384-cert',
    'ecdsa-sha2-nistp521-cert',
    'rsa-sha2-512-cert',
    'rsa-sha2-256-cert',
  ]);
  // Where only revoked ones matter, a host must not show another key than the known one for it.
  const also = algorithmsFor(known, 'also');
  t.deepEqual(short(also.all).slice(0, 3), [
    'ecdsa-sha2-nistp256-cert',
    'ecdsa-sha2-nistp256',
    'ssh-ed25519-cert',
  ]);
  t.deepEqual([...also.all].sort(), [...first.all].sort());
});

test('a new host gets a line of its own, in a file that only its owner may read', async (t) => {
  await withTempFolder(async (folder) => {
    const file = path.join(folder, '.ssh', 'known_hosts');
    await addKnownHost(file, 'host', mine, false);
    await addKnownHost(file, '[host]:2222', rsa, false);
    t.is(await readFile(file, 'utf8'), `host ${text(mine)}\n[host]:2222 ${text(rsa)}\n`);
    t.is((await stat(file)).mode & 0o777, 0o600);
    t.is((await stat(path.dirname(file))).mode & 0o777, 0o700);
    await chmod(file, 0o400);
    await t.throwsAsync(addKnownHost(folder, 'host', mine, false), { instanceOf: PackferryError });
  });
});

test('the type of a key that is none', (t) => {
  for (const blob of [
    Buffer.alloc(0),
    Buffer.alloc(3),
    Buffer.from([0, 0, 0, 9, 97]),
    Buffer.from([0, 0, 0, 1, 10]),
  ])
    t.is(keyTypeOf(blob), undefined);
});

test('differential: what ssh-keygen -F finds is found, and nothing else', async (t) => {
  await withSshKeygen(t, () =>
    withTempFolder(async (folder) => {
      t.true(sshKeygen(['-q', '-t', 'ed25519', '-N', '', '-C', '', '-f', 'key'], { cwd: folder }).ok);
      const key = (await readFile(path.join(folder, 'key.pub'), 'utf8')).trim();
      const blob = Buffer.from(key.split(' ')[1] ?? '', 'base64');
      t.true(sshKeygen(['-l', '-f', 'key.pub'], { cwd: folder }).stdout.includes(fingerprintOf(blob)));
      const names = [
        'host',
        'HOST',
        'a.example',
        'b.a.example',
        '[host]:22',
        '[host]:2222',
        '[a.example]:22',
        '10.0.0.1',
        '::1',
        '[::1]:2222',
        'host1',
        'x',
      ];
      const patterns = [
        ...names,
        '*',
        '?',
        '*.example',
        'host?',
        '*,!host',
        '!host,*',
        '!host',
        'a*e',
        '[*]:2222',
        '*:2222',
        'h*,!*1',
        'x,y,host',
        '**',
        ' ',
      ];
      let compared = 0;
      for (const pattern of patterns) {
        for (const isHashed of [false, true]) {
          await writeFile(path.join(folder, 'known'), `${pattern} ${key}\n`);
          // ssh-keygen leaves lines with patterns as they are.
          if (isHashed && !sshKeygen(['-H', '-f', 'known'], { cwd: folder }).ok) continue;
          const hashed = await readFile(path.join(folder, 'known'), 'utf8');
          const lines = hashed.split('\n').map(parseKnownHostsLine);
          for (const name of names) {
            const { stdout } = sshKeygen(['-F', name, '-f', 'known'], { cwd: folder });
            const isOf = lines.some((line) => typeof line === 'object' && line.isOf(name.toLowerCase()));
            // ssh asks in lower case, ssh-keygen as it was typed.
            if (name === name.toLowerCase())
              t.is(isOf, stdout.includes('found'), `${pattern} ${name} ${String(isHashed)}`);
            compared += 1;
          }
        }
      }
      t.log(`differential: ${compared} names and lines of known_hosts compared with ssh-keygen -F`);
    }),
  );
});
