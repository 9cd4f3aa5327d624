import { spawnSync } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import path from 'node:path';
import test from 'ava';
import { PackferryError } from '../../src/core/errors.ts';
import { silent } from '../../src/core/events.ts';
import { parseConfigLine } from '../../src/ssh/config-words.ts';
import { settingsOf, type HostSettings } from '../../src/ssh/settings.ts';
import { noting } from '../helpers/ssh-user.ts';
import { withTempFolder } from '../helpers/system-service.ts';
import { needing } from '../helpers/system-tools.ts';

interface Setting {
  readonly config: string;
  readonly host?: string;
  readonly files?: Readonly<Record<string, string>>;
}

/** Settings of a host by a configuration, in a home of their own. */
async function settings(
  { config, host = 'host', files = {} }: Setting,
  emit = silent,
): Promise<HostSettings> {
  return withTempFolder(async (home) => {
    await mkdir(path.join(home, '.ssh'));
    await writeFile(path.join(home, '.ssh', 'config'), config);
    for (const [name, content] of Object.entries(files))
      await writeFile(path.join(home, '.ssh', name), content);
    const found = await settingsOf({ host }, { name: 'me', home, environment: { DIR: '/dir' } }, emit);
    return JSON.parse(JSON.stringify(found).replaceAll(home, '/home')) as HostSettings;
  });
}

test('without any file: the usual keys and files, and signs of life', async (t) => {
  const found = await settings({ config: '' });
  t.like(found, {
    hostName: 'host',
    port: 22,
    user: 'me',
    connectTimeout: 20_000,
    aliveInterval: 15_000,
    aliveCountMax: 3,
  });
  t.deepEqual(
    found.identityFiles,
    ['id_rsa', 'id_ecdsa', 'id_ecdsa_sk', 'id_ed25519', 'id_ed25519_sk'].map((name) => `/home/.ssh/${name}`),
  );
  t.true(found.areDefaultIdentities);
  t.deepEqual(found.userKnownHosts, ['/home/.ssh/known_hosts', '/home/.ssh/known_hosts2']);
});

test('tokens, variables and the home folder in names of files', async (t) => {
  const config =
    'HostName %h.example\nPort 99\nUser you\nIdentityFile ~/k\nIdentityFile %d/%u-%r@%h:%p-%n%%\nIdentityFile ${DIR}/k\nUserKnownHostsFile /a "/b c"\nHostKeyAlias Alias';
  const found = await settings({ config });
  t.deepEqual(found.identityFiles, ['/home/k', '/home/me-you@host.example:99-host%', '/dir/k']);
  t.deepEqual(found.userKnownHosts, ['/a', '/b c']);
  t.is(found.hostKeyAlias, 'Alias');
});

test('StrictHostKeyChecking counts in the strict direction only, and that is said', async (t) => {
  const { emit, notes } = noting();
  await settings({ config: 'StrictHostKeyChecking accept-new' }, emit);
  t.true(notes().includes('does not count'), notes());
  const strict = noting();
  await settings({ config: 'StrictHostKeyChecking yes' }, strict.emit);
  t.is(strict.notes(), '');
});

test('a block that cannot be decided on is passed over, and that is said', async (t) => {
  const { emit, notes } = noting();
  const found = await settings({ config: 'Match exec "touch /tmp/x"\n Port 9\nMatch all\n User you' }, emit);
  t.like(found, { port: 22, user: 'you' });
  t.true(notes().includes('Match exec'), notes());
});

const refuses = test.macro({
  async exec(t, setting: Setting, words: string) {
    const error = await t.throwsAsync(settings(setting), { instanceOf: PackferryError });
    t.is(error.code, 'E_SSH_CONFIG');
    t.true(`${error.message} ${error.hint ?? ''}`.includes(words), error.message);
  },
  title: (what) => `ssh_config: refused: ${what}`,
});
test('a command in between', refuses, { config: 'ProxyCommand nc %h %p' }, 'ProxyJump');
test('a quote that is not closed', refuses, { config: 'User "me' }, 'config:1');
test('a keyword without a value', refuses, { config: '\nUser' }, 'config:2');
test('a port that is none', refuses, { config: 'Port 70000' }, '70000');
test('a token that has no meaning', refuses, { config: 'IdentityFile ~/%Q' }, '%Q');
test('a variable that is not set', refuses, { config: 'IdentityFile ${NOWHERE}/x' }, 'NOWHERE');
test('jump hosts that are none', refuses, { config: 'ProxyJump a,,b' }, 'ProxyJump');
test('a file that includes itself', refuses, { config: 'Include config' }, 'too deep');

const wordsOf = test.macro({
  exec(t, line: string, expected: readonly string[]) {
    t.like(parseConfigLine(line), { words: expected });
  },
  title: (_, line: string) => `ssh_config: words of ${line}`,
});
test(wordsOf, 'K a b', ['a', 'b']);
test(wordsOf, 'K=a', ['a']);
test(wordsOf, 'K = "a b"  c # d', ['a b', 'c']);
test(wordsOf, `K 'a "b' "c 'd" e\\ f \\"g\\"`, ['a "b', "c 'd", 'e f', '"g"']);
test(wordsOf, 'K a#b', ['a#b']);
test(wordsOf, 'K a\\b', ['a\\b']);

const samples: readonly Setting[] = [
  { config: 'Host host\n HostName h1\n Port 1\nHost *\n HostName h2\n Port 2\n User u\n' },
  { config: 'Host * !host\n Port 1\nHost !other host\n Port 2\n' },
  { config: 'Host HOST\n Port 1\nHost ho?t h*\n Port 2\n', host: 'host' },
  { config: 'User first\nUser second\nIdentityFile /a\nHost host\n IdentityFile /b\n IdentityFile "/c d"\n' },
  { config: 'Match host h1\n Port 1\nHost host\n HostName h1\nMatch host h1,h2\n Port 3\n' },
  {
    config:
      'Match originalhost host user me2\n Port 1\nUser me2\nMatch originalhost host user me2\n Port 4\n',
  },
  { config: 'Match !host other\n Port 5\nMatch all\n User all\n' },
  {
    config: 'Host other\n Include inner\nHost host\n Include inn*\n Port 7\n',
    files: { inner: 'Host *\n User inner\nPort 6\n' },
  },
  { config: 'Include a b\nUser c', files: { a: 'Host other\n User a\n', b: 'User b\n' } },
  { config: 'HostName %h.Example\nHost host.example\n Port 9\n' },
  { config: 'ProxyJump a@b:3,c\nProxyCommand x\n' },
  { config: 'ProxyJump none\nProxyJump b\n' },
  {
    config:
      'ConnectTimeout 1m30s\nServerAliveInterval 7\nServerAliveCountMax 2\nIdentitiesOnly yes\nHashKnownHosts yes\n',
  },
  { config: 'userknownhostsfile=/x /y\n  GlobalKnownHostsFile  /z # comment\n' },
  { config: 'IdentityFile ~/x\nIdentityFile %d/y\nHostKeyAlias other\n' },
  { config: 'HOST HOST\nPORT=4\n', host: 'HOST' },
];

test(
  'differential: the settings are those of ssh -G',
  needing(['ssh'], async (t) => {
    let compared = 0;
    for (const sample of samples) {
      await withTempFolder(async (home) => {
        const { host = 'host', config, files = {} } = sample;
        // ssh finds its home by the user, and included files only there or by their full names.
        const at = (text: string): string =>
          text.replaceAll(/^( *Include) (.*)$/gm, (_, word: string, names: string) => {
            return `${word} ${names
              .split(' ')
              .map((name) => path.join(home, name))
              .join(' ')}`;
          });
        await writeFile(path.join(home, 'config'), at(config));
        for (const [name, content] of Object.entries(files)) await writeFile(path.join(home, name), content);
        const { stdout, stderr, status } = spawnSync('ssh', ['-G', '-F', path.join(home, 'config'), host], {
          encoding: 'utf8',
        });
        t.is(status, 0, stderr);
        const lines = stdout.split('\n');
        const all = (keyword: string): string[] =>
          lines
            .filter((line) => line.startsWith(`${keyword} `))
            .map((line) => line.slice(keyword.length + 1));
        const me = {
          name: userInfo().username,
          home: userInfo().homedir,
          environment: {},
          configFile: path.join(home, 'config'),
        };
        const found = await settingsOf({ host }, me, silent);
        const shown = `${config} for ${host}`;
        t.is(found.hostName, (all('hostname')[0] ?? '').toLowerCase(), shown);
        t.is(String(found.port), all('port')[0] ?? '', shown);
        t.is(found.user, all('user')[0] ?? '', shown);
        const expand = (file: string): string =>
          file.replace(/^~\//, `${me.home}/`).replaceAll('%d', me.home);
        if (!found.areDefaultIdentities)
          t.deepEqual(found.identityFiles, all('identityfile').map(expand), shown);
        t.deepEqual(
          found.userKnownHosts.join(' '),
          (all('userknownhostsfile')[0] ?? '').split(' ').map(expand).join(' '),
          shown,
        );
        t.is(found.globalKnownHosts.join(' '), all('globalknownhostsfile')[0] ?? '', shown);
        t.is(found.identitiesOnly, all('identitiesonly')[0] === 'yes', shown);
        t.is(found.hashKnownHosts, all('hashknownhosts')[0] === 'yes', shown);
        t.is(found.aliveCountMax, Number(all('serveralivecountmax')[0]), shown);
        const [timeout = 'none', interval = '0'] = [all('connecttimeout')[0], all('serveraliveinterval')[0]];
        if (timeout !== 'none') t.is(found.connectTimeout, Number(timeout) * 1000, shown);
        if (interval !== '0') t.is(found.aliveInterval, Number(interval) * 1000, shown);
        const jumps = found.jumps.map(
          ({ host, user, port }) =>
            `${user === undefined ? '' : `${user}@`}${host}${port === undefined ? '' : `:${port}`}`,
        );
        t.is(jumps.join(','), (all('proxyjump')[0] ?? '').replaceAll(/[[\]]/g, ''), shown);
        compared += 11;
      });
    }
    t.log(`differential: ${compared} settings of ${samples.length} configurations compared with ssh -G`);
  }),
);
