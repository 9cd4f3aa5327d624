import { access, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import test, { type ExecutionContext } from 'ava';
import { PackferryError, type ErrorCode } from '../../src/core/errors.ts';
import { refused } from '../helpers/refused.ts';
import { keepsOddArguments, reachesSockets, tellsAndTakes } from '../helpers/ssh-checks.ts';
import { userOf, withConnection } from '../helpers/ssh-user.ts';
import { execOk, execTool } from '../helpers/system-exec.ts';
import { makeKnown, sshdNeeds, withSshd, type Sshd, type SshdOptions } from '../helpers/system-sshd.ts';
import { needing } from '../helpers/system-tools.ts';

/** Nothing of the machine's own settings counts for ssh, which looks for them in the home of the user. */
function clientOf(sshd: Sshd, ...more: readonly string[]) {
  const knownHosts = path.join(sshd.home, '.ssh', 'known_hosts');
  const identities = [sshd.identity];
  const command = ['ssh', '-o', 'GlobalKnownHostsFile=none', ...more] as const;
  return userOf(sshd, { command, knownHosts, identities, configFile: 'none' });
}

/** A test in which ssh itself connects. */
function clientTest(
  title: string,
  use: (t: ExecutionContext, sshd: Sshd) => Promise<void>,
  options: SshdOptions = {},
): void {
  test.serial(
    `--ssh-command ssh: ${title}`,
    needing([...sshdNeeds, 'ssh'], (t) =>
      withSshd(
        async (sshd) => {
          await makeKnown(sshd);
          await use(t, sshd);
        },
        { hostKeys: ['ed25519'], ...options },
      ),
    ),
  );
}

/** As `refused`, with advice for whoever can do something about it. */
const refusedWithHint = async (
  t: ExecutionContext,
  code: ErrorCode,
  connecting: Promise<unknown>,
): Promise<PackferryError> => {
  const error = await refused(t, code, connecting);
  t.is(error.hint === undefined, code === 'E_INTERRUPTED');
  return error;
};

const nothing = () => Promise.resolve();

clientTest(
  'commands keep odd arguments, in every shell; status, words and input go through',
  async (t, sshd) => {
    await withConnection(
      sshd,
      async (connection) => {
        await keepsOddArguments(t, connection);
        await tellsAndTakes(t, connection);
        const many = Array.from({ length: 20 }, (_, at) => connection.run(['sh', '-c', `exit ${at}`]));
        t.deepEqual(
          (await Promise.all(many)).map(({ status }) => status),
          Array.from({ length: 20 }, (_, at) => at),
        );
      },
      { me: clientOf(sshd) },
    );
    const connections = (await sshd.log()).match(/Accepted publickey/g) ?? [];
    t.is(connections.length, 1, 'the user was let in once, and everything went over that');
  },
);

clientTest(
  'a socket of the far side is reached, with many streams and more bytes than a window',
  async (t, sshd) => {
    const me = clientOf(sshd);
    await reachesSockets(t, sshd, 6, (use) => withConnection(sshd, use, { me }));
  },
);

clientTest(
  'hosts that are unknown, changed or revoked are told as such, and told nothing',
  async (t, sshd) => {
    const file = path.join(sshd.home, '.ssh', 'known_hosts');
    const other = path.join(sshd.folder, 'other');
    await execOk('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', other]);
    const [type = '', key = ''] = (await readFile(`${other}.pub`, 'utf8')).split(' ');
    const name = `[127.0.0.1]:${sshd.port}`;
    const connecting = () => withConnection(sshd, nothing, { me: clientOf(sshd) });

    await writeFile(file, '');
    const error = await refusedWithHint(t, 'E_HOST_KEY_UNKNOWN', connecting());
    t.true(error.message.includes(`127.0.0.1:${sshd.port}`), error.message);
    t.true(error.hint?.includes('--accept-new'));
    await writeFile(file, `${name} ${type} ${key}\n`);
    await refusedWithHint(t, 'E_HOST_KEY_CHANGED', connecting());
    await writeFile(file, `${sshd.hostKeys.ed25519}@revoked ${sshd.hostKeys.ed25519}`);
    await refusedWithHint(t, 'E_HOST_KEY_REVOKED', connecting());
    t.false(await sshd.wasAsked());

    await writeFile(file, '');
    await withConnection(sshd, nothing, { me: clientOf(sshd), acceptNew: true });
    t.true((await readFile(file, 'utf8')).includes(name));
  },
);

clientTest(
  'a user who is not let in, a host that does not answer, a program that is not there',
  async (t, sshd) => {
    const error = await refusedWithHint(
      t,
      'E_SSH_AUTH',
      withConnection(sshd, nothing, { me: clientOf(sshd), user: 'nosuchuser' }),
    );
    t.true(error.message.includes('it said: nosuchuser@127.0.0.1: Permission denied'), error.message);
    await refusedWithHint(
      t,
      'E_SSH_UNREACHABLE',
      withConnection({ ...sshd, port: 1 }, nothing, { me: clientOf(sshd) }),
    );
    const none = { ...clientOf(sshd), command: ['/nonexistent/ssh'] as const };
    await refusedWithHint(t, 'E_SSH_CONFIG', withConnection(sshd, nothing, { me: none }));
    await refusedWithHint(
      t,
      'E_SSH_CONFIG',
      withConnection(sshd, nothing, { me: clientOf(sshd, '-o', 'NoSuchOption=1') }),
    );
  },
);

clientTest(
  'a host is known by its certificate',
  async (t, sshd) => {
    const ca = path.join(sshd.home, 'ca');
    const authority = (await readFile(`${ca}.pub`, 'utf8')).trim();
    await writeFile(
      path.join(sshd.home, '.ssh', 'known_hosts'),
      `@cert-authority [127.0.0.1]:* ${authority}\n`,
    );
    await withConnection(
      sshd,
      async (connection) => {
        t.is((await connection.run(['echo', 'certified'])).stdout, 'certified\n');
      },
      { me: clientOf(sshd) },
    );
  },
  { certified: true },
);

clientTest(
  'ProxyCommand, a wrapper before ssh, and quotes in ssh_config are its own affair',
  async (t, sshd) => {
    const config = path.join(sshd.home, 'config with spaces');
    await writeFile(
      config,
      `Host far\n  Port ${sshd.port}\n  HostName 127.0.0.1\n  ProxyCommand ssh -W %h:%p -F none -i "${sshd.identity}" -o UserKnownHostsFile="${path.join(sshd.home, '.ssh', 'known_hosts')}" -p ${sshd.port} root@127.0.0.1\n`,
    );
    const me = { ...clientOf(sshd), command: ['env', 'SOME=thing', 'ssh'] as const, configFile: config };
    await withConnection(
      sshd,
      async (connection) => {
        t.is((await connection.run(['echo', 'through'])).stdout, 'through\n');
      },
      { me, host: 'far' },
    );
  },
);

clientTest('Ctrl-C ends ssh and all that goes over it, and leaves no folder', async (t, sshd) => {
  const stop = new AbortController();
  const temporary = path.join(sshd.folder, 'tmp');
  await mkdir(temporary);
  const before = process.env['TMPDIR'];
  process.env['TMPDIR'] = temporary;
  try {
    await withConnection(
      sshd,
      async (connection) => {
        const [folder = ''] = await readdir(temporary);
        const endless = await connection.exec(['sleep', '1000'], () => undefined);
        t.is((await execTool('pgrep', ['-f', folder])).status, 0);
        stop.abort(new PackferryError('E_INTERRUPTED', 'stopped'));
        await t.throwsAsync(text(endless));
        await refusedWithHint(t, 'E_SSH_UNREACHABLE', connection.run(['true']));
        await t.throwsAsync(access(path.join(temporary, folder)));
        while ((await execTool('pgrep', ['-f', folder])).status === 0)
          await new Promise((resolve) => setImmediate(resolve));
      },
      { me: clientOf(sshd), signal: stop.signal },
    );
  } finally {
    if (before === undefined) delete process.env['TMPDIR'];
    else process.env['TMPDIR'] = before;
  }
  await refusedWithHint(
    t,
    'E_INTERRUPTED',
    withConnection(sshd, nothing, { me: clientOf(sshd), signal: stop.signal }),
  );
});
