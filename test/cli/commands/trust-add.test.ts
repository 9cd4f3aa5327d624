import { chmod, mkdir, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import path from 'node:path';
import process from 'node:process';
import test from 'ava';
import { trustAddReport } from '../../../src/schema/reports-trust.ts';
import { parseAllowedSigners } from '../../../src/trust/allowed-signers.ts';
import { MemoryInput, MemoryOutput, runCli } from '../../helpers/cli-run.ts';
import { onTerminal } from '../../helpers/cli-answers.ts';
import { hasTerminal, inTerminal } from '../../helpers/cli-terminal.ts';
import { withTrustSite, type SiteKey } from '../../helpers/trust-site.ts';

const fingerprintOf = ({ fingerprint }: SiteKey): readonly string[] => ['--fingerprint', fingerprint];
const question = 'Fingerprint (SHA256:...): ';

test('a key of a file, of a line of keygen, and by itself: all are trusted for bundles only', async (t) => {
  await withTrustSite(async ({ trust, newKey, at, folder }) => {
    const [one, two, three] = [await newKey('one'), await newKey('two'), await newKey('three')];
    await writeFile(at('two.line'), `# from the builder\n${two.allowedLine}\n`);
    const ran = [
      await trust(['add', one.publicFile, '--principal', 'alice', ...fingerprintOf(one)]),
      await trust(['add', at('two.line'), ...fingerprintOf(two)]),
      await trust(['add', three.line, '--principal', 'carol', ...fingerprintOf(three)]),
    ];
    for (const { status, stderr } of ran) t.is(status, 0, stderr);
    const file = path.join(folder, 'allowed_signers');
    t.true(ran[0]?.stderr.includes(`${file}:1`) && ran[0].stderr.includes(one.fingerprint));
    const { signers } = parseAllowedSigners(await readFile(file), file);
    t.deepEqual(
      signers.map(({ principals, namespaces }) => [principals.text, namespaces?.text]),
      ['alice', 'two', 'carol'].map((name) => [name, 'bundle@packferry']),
    );
    t.is((await stat(file)).mode & 0o777, 0o644);
    t.is((await stat(folder)).mode & 0o777, 0o755);
    t.deepEqual(await readdir(folder), ['allowed_signers'], 'neither a lock nor a part is left');
  });
});

test('other lines and comments stay byte for byte, also without a line feed at the end', async (t) => {
  await withTrustSite(async ({ trust, newKey, folder, add }) => {
    const [one, two] = [await newKey('one'), await newKey('two')];
    await add(one, 'alice');
    const file = path.join(folder, 'allowed_signers');
    const before = `# whom we trust\r\n\n\t${(await readFile(file, 'utf8')).trim()}   \r\n   # the end`;
    await writeFile(file, before);
    const ran = await trust(['add', two.line, '--principal', 'bob', ...fingerprintOf(two)]);
    t.is(ran.status, 0, ran.stderr);
    const after = await readFile(file, 'utf8');
    t.true(after.startsWith(`${before}\nbob namespaces="bundle@packferry" ssh-ed25519 `), after);
    t.true(ran.stderr.includes(`${file}:5`), ran.stderr);
  });
});

test('on a terminal the fingerprint has to be typed, and is not shown before', async (t) => {
  await withTrustSite(async ({ newKey, env, folder }) => {
    const key = await newKey('builder');
    const argv = ['trust', 'add', key.publicFile, '--principal', 'soc-builder'];
    const slip = key.fingerprint.replace(/.$/, (last) => (last === 'A' ? 'B' : 'A'));
    const no = await onTerminal(
      argv,
      [...Array<string>(3).fill(`${slip}\n`)].map((typed) => [question, typed]),
      { env },
    );
    t.is(no.status, 4, no.stderr);
    t.true(no.stderr.includes('error[E_FINGERPRINT_MISMATCH]'));
    t.false(no.stderr.includes(key.fingerprint), 'nobody can copy it from the screen');
    const nothing = await onTerminal(argv, [[question, '\n']], { env });
    t.is(nothing.status, 4);
    await t.throwsAsync(readFile(path.join(folder, 'allowed_signers')), { code: 'ENOENT' });

    const bare = key.fingerprint.slice('SHA256:'.length);
    const yes = await onTerminal(argv, [[question, `${bare}\n`]], { env });
    t.is(yes.status, 0, yes.stderr);
    t.true((await readFile(path.join(folder, 'allowed_signers'), 'utf8')).includes('soc-builder'));
  });
});

test.serial('on a real terminal: the fingerprint is typed, and Ctrl-C trusts nobody', async (t) => {
  if (!(await hasTerminal(t))) return;
  await withTrustSite(async ({ newKey, at, folder }) => {
    const key = await newKey('builder');
    const argv = ['trust', 'add', key.publicFile, '--principal', 'soc-builder', '--dir', folder];
    const env = { XDG_CONFIG_HOME: at('config') };
    const stopped = await inTerminal(argv, question, '\u0003', { env });
    t.is(stopped.status, 130, stopped.screen);
    await t.throwsAsync(readFile(path.join(folder, 'allowed_signers')), { code: 'ENOENT' });
    const typed = await inTerminal(argv, question, `${key.fingerprint}\r`, { env });
    t.is(typed.status, 0, typed.screen);
    t.true((await readFile(path.join(folder, 'allowed_signers'), 'utf8')).includes('soc-builder'));
  });
});

test('without a terminal nothing is trusted unless the fingerprint is given, and the right one', async (t) => {
  await withTrustSite(async ({ trust, newKey, folder }) => {
    const [one, two] = [await newKey('one'), await newKey('two')];
    const argv = ['add', one.publicFile, '--principal', 'alice'];
    const silent = await trust(argv);
    t.is(silent.status, 2);
    t.regex(silent.stderr, /error\[E_USAGE\].*\nhint: .*--fingerprint/);
    const other = await trust([...argv, ...fingerprintOf(two)]);
    t.is(other.status, 4);
    t.true(other.stderr.includes('E_FINGERPRINT_MISMATCH'));
    const short = await trust([...argv, '--fingerprint', one.fingerprint.slice(0, -1)]);
    t.is(short.status, 2);
    await t.throwsAsync(readdir(folder), { code: 'ENOENT' });
  });
});

test('a private key is refused in every form, and nothing of it is printed', async (t) => {
  await withTrustSite(async ({ trust, newKey }) => {
    const { file } = await newKey('secret');
    const text = await readFile(file, 'utf8');
    const body = text.split('\n').slice(1, -2).join('');
    for (const given of [file, text, body, text.replaceAll('\n', ' ')]) {
      for (const more of [[], ['--json']]) {
        const { status, stdout, stderr } = await trust(['add', given, '--principal', 'alice', ...more]);
        t.is(status, 2);
        t.true(stderr.includes('private key'), stderr);
        t.false(`${stdout}${stderr}`.includes(body.slice(40, 80)), 'quoted');
      }
    }
  });
});

test('the same key again is no fault; under another name, or for more than before, it is', async (t) => {
  await withTrustSite(async ({ trust, newKey, add, folder }) => {
    const key = await newKey('one');
    await add(key, 'alice', ['--may-update-trust']);
    const before = await readFile(path.join(folder, 'allowed_signers'));
    const again = await trust(['add', key.line, '--principal', 'alice', '--json']);
    t.is(again.status, 0, again.stderr);
    const report = trustAddReport.parse(JSON.parse(again.stdout));
    t.like(report, {
      status: 'present',
      line: 1,
      key: { namespaces: 'bundle@packferry,trust-update@packferry' },
    });
    for (const more of [
      ['--principal', 'bob'],
      ['--principal', 'alice', '--valid-before', '2030-01-01'],
      ['--principal', 'alice', '--authority'],
    ]) {
      const ran = await trust(['add', key.line, ...more, ...fingerprintOf(key)]);
      t.is(ran.status, 2);
      t.regex(ran.stderr, /E_TRUST_CONFLICT.*allowed_signers:1/);
    }
    t.deepEqual(await readFile(path.join(folder, 'allowed_signers')), before);
  });
});

test('another key of one principal is taken, and told', async (t) => {
  await withTrustSite(async ({ trust, newKey, add }) => {
    const [one, two] = [await newKey('one'), await newKey('two')];
    await add(one, 'alice');
    const ran = await trust(['add', two.line, '--principal', 'alice', ...fingerprintOf(two)]);
    t.is(ran.status, 0);
    t.true(
      ran.stderr.includes(one.fingerprint) && ran.stderr.includes('Both count as one signer'),
      ran.stderr,
    );
  });
});

test('authorities speak for patterns, and times are written in UTC', async (t) => {
  await withTrustSite(async ({ trust, newKey, folder }) => {
    const key = await newKey('ca');
    const times = ['--valid-after', '2026-01-01', '--valid-before', '20271231235959'];
    const argv = ['add', key.line, '--principal', '*@soc.example', ...times, ...fingerprintOf(key)];
    t.is((await trust(argv)).status, 2, 'a pattern is no name of one signer');
    const ran = await trust([...argv, '--authority']);
    t.is(ran.status, 0, ran.stderr);
    const text = await readFile(path.join(folder, 'allowed_signers'), 'utf8');
    t.true(
      text.startsWith(
        '*@soc.example cert-authority,namespaces="bundle@packferry",valid-after="20260101000000Z",valid-before="20271231235959Z" ssh-ed25519 ',
      ),
      text,
    );
  });
});

test('what could never be meant is refused, each with a hint', async (t) => {
  await withTrustSite(async ({ trust, newKey, at, folder }) => {
    const [one, two] = [await newKey('one'), await newKey('two')];
    await writeFile(at('both'), `${one.line}\n${two.line}\n`);
    await writeFile(at('none'), '# nothing\n\n');
    const print = fingerprintOf(one);
    for (const argv of [
      [one.line],
      [one.line, '--principal', 'a b'],
      [one.line, '--principal', '#alice'],
      [one.line, '--principal', 'alice', '--valid-before', '2020-01-01'],
      [one.line, '--principal', 'alice', '--valid-before', 'soon'],
      [one.line, '--principal', 'alice', '--valid-after', '2030-01-01', '--valid-before', '2029-01-01'],
      [one.line, '--principal', 'alice', '--user', '--system'],
      [one.line, '--principal', 'alice', '--dir', at('x'), '--user'],
      [at('both'), '--principal', 'alice'],
      [at('none'), '--principal', 'alice'],
      [at('absent'), '--principal', 'alice'],
      [one.line.slice(0, 60), '--principal', 'alice'],
    ]) {
      const { status, stderr } = await trust(['add', ...argv, ...print]);
      t.is(status, 2, argv.join(' '));
      t.regex(stderr, /error\[E_(USAGE|KEY_UNREADABLE)\].*\nhint: /, argv.join(' '));
    }
    await t.throwsAsync(readdir(folder), { code: 'ENOENT' });
  });
});

test('a file with a mistake is refused with its line, and left alone', async (t) => {
  await withTrustSite(async ({ trust, newKey, folder }) => {
    const key = await newKey('one');
    await mkdir(folder, { recursive: true });
    const file = path.join(folder, 'allowed_signers');
    const before = `# fine\nalice namespace="bundle@packferry" ${key.line}\n`;
    await writeFile(file, before);
    const ran = await trust(['add', key.line, '--principal', 'alice', ...fingerprintOf(key)]);
    t.is(ran.status, 2);
    t.true(ran.stderr.includes(`${file}:2: `), ran.stderr);
    t.is(await readFile(file, 'utf8'), before);
  });
});

test('a revoked key is not trusted again', async (t) => {
  await withTrustSite(async ({ trust, newKey }) => {
    const key = await newKey('one');
    t.is((await trust(['revoke', key.line, '--reason', 'stolen'])).status, 0);
    const ran = await trust(['add', key.line, '--principal', 'alice', ...fingerprintOf(key)]);
    t.is(ran.status, 2);
    t.regex(ran.stderr, /E_TRUST_CONFLICT.*revoked_keys:2/);
  });
});

test('nothing is written through links, nor built upon files that others may change', async (t) => {
  await withTrustSite(async ({ trust, newKey, add, at, folder }) => {
    const [one, two] = [await newKey('one'), await newKey('two')];
    await add(one, 'alice', [], at('real'));
    const adding = ['add', two.line, '--principal', 'bob', ...fingerprintOf(two)];
    await mkdir(folder, { recursive: true });
    const file = path.join(folder, 'allowed_signers');
    await symlink(at('real', 'allowed_signers'), file);
    await symlink(at('real'), at('link'));
    for (const argv of [adding, [...adding, '--dir', at('link')]]) {
      const ran = await trust(argv);
      t.is(ran.status, 2);
      t.true(ran.stderr.includes('E_OUTPUT_UNWRITABLE'), ran.stderr);
    }
    t.false((await readFile(at('real', 'allowed_signers'), 'utf8')).includes('bob'));
    await chmod(at('real'), 0o777);
    await writeFile(at('config', 'loose'), '');
    await chmod(folder, 0o777);
    t.true((await trust(adding)).stderr.includes('E_TRUST_UNSAFE'));
  });
});

test('two at once: a running one is waited for, one that died is not', async (t) => {
  await withTrustSite(async ({ trust, newKey, folder }) => {
    const key = await newKey('one');
    const argv = ['add', key.line, '--principal', 'alice', ...fingerprintOf(key)];
    await mkdir(folder, { recursive: true });
    const lock = path.join(folder, '.trust.lock');
    await writeFile(lock, `${process.pid} ${hostname()}\n`);
    const busy = await trust(argv);
    t.is(busy.status, 2);
    t.true(busy.stderr.includes('E_TRUST_CONFLICT') && busy.stderr.includes(lock), busy.stderr);
    await writeFile(lock, `999999999 ${hostname()}\n`);
    t.is((await trust(argv)).status, 0);
    t.deepEqual(await readdir(folder), ['allowed_signers']);
  });
});

test('a file that changes while somebody types is not written over', async (t) => {
  await withTrustSite(async ({ newKey, add, env, folder }) => {
    const [one, two, three] = [await newKey('one'), await newKey('two'), await newKey('three')];
    await add(one, 'alice');
    const [stdin, stderr] = [new MemoryInput(true), new MemoryOutput(true)];
    const adding = runCli(['trust', 'add', two.line, '--principal', 'bob'], { env, stdin, stderr });
    await stderr.shows(question);
    await add(three, 'carol');
    stdin.write(`${two.fingerprint}\n`);
    const ran = await adding;
    t.is(ran.status, 2);
    t.regex(ran.stderr, /E_TRUST_CONFLICT.*has changed meanwhile/);
    const text = await readFile(path.join(folder, 'allowed_signers'), 'utf8');
    t.true(text.includes('carol') && !text.includes('bob'));
  });
});

test('users without a home, and without the right to write, are told what to do', async (t) => {
  await withTrustSite(async ({ newKey, at }) => {
    const key = await newKey('one');
    const argv = ['trust', 'add', key.line, '--principal', 'alice', ...fingerprintOf(key)];
    const homeless = await runCli(argv);
    t.is(homeless.status, 2);
    t.regex(homeless.stderr, /no home folder[^]*hint: .*--system/);
    await writeFile(at('file'), '');
    const blocked = await runCli([...argv, '--dir', at('file', 'below')]);
    t.is(blocked.status, 2);
    t.regex(blocked.stderr, /E_OUTPUT_UNWRITABLE[^]*hint: .*--user/);
  });
});

test('the fingerprint that is given has to be that of the key, also where it is trusted already', async (t) => {
  await withTrustSite(async ({ trust, newKey }) => {
    const [one, two] = [await newKey('one'), await newKey('two')];
    const argv = ['add', one.publicFile, '--principal', 'alice'];
    t.is((await trust([...argv, ...fingerprintOf(one)])).status, 0);
    const again = await trust([...argv, ...fingerprintOf(one)]);
    t.is(again.status, 0, again.stderr);
    t.regex(again.stderr, /is trusted already/);
    const other = await trust([...argv, ...fingerprintOf(two)]);
    t.is(other.status, 4, other.stderr);
    t.regex(other.stderr, /error\[E_FINGERPRINT_MISMATCH\]: .* alice .*\nhint: Nothing was changed\./);
  });
});
