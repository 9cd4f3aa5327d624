import { appendFile, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import test, { type ExecutionContext } from 'ava';
import { PackferryError } from '../../src/core/errors.ts';
import { refused } from '../helpers/refused.ts';
import { keepsOddArguments, reachesSockets, tellsAndTakes } from '../helpers/ssh-checks.ts';
import { noting, userOf, withConnection } from '../helpers/ssh-user.ts';
import { execOk } from '../helpers/system-exec.ts';
import { withTempFolder } from '../helpers/system-service.ts';
import {
  makeKnown,
  operator,
  sshdNeeds,
  withSshd,
  type Sshd,
  type SshdOptions,
} from '../helpers/system-sshd.ts';
import { needing } from '../helpers/system-tools.ts';

/** A test with one server, which the user knows. */
function sshdTest(
  title: string,
  use: (t: ExecutionContext, sshd: Sshd) => Promise<void>,
  options: SshdOptions = {},
): void {
  test.serial(
    title,
    needing(sshdNeeds, (t) =>
      withSshd(async (sshd) => {
        await makeKnown(sshd);
        await use(t, sshd);
      }, options),
    ),
  );
}

const nothing = () => Promise.resolve();

sshdTest(
  'a key file lets the user in; commands keep odd arguments as they are, in every shell',
  async (t, sshd) => {
    await withConnection(sshd, (connection) => keepsOddArguments(t, connection));
  },
);

sshdTest('exit status and stderr of a command are told, and its standard input arrives', async (t, sshd) => {
  await withConnection(sshd, async (connection) => {
    await tellsAndTakes(t, connection);
    const broken = await connection.exec(['false'], ({ status }) => new Error(`status ${status}`));
    await t.throwsAsync(text(broken), { message: 'status 1' });
    // The host may tell of the end together with the beginning, before anybody reads.
    const early = await connection.exec(['false'], ({ status }) => new Error(`status ${status}`));
    if (!early.closed) await new Promise((resolve) => early.once('close', resolve));
    await t.throwsAsync(text(early), { message: 'status 1' });
  });
});

sshdTest(
  'a socket of the far side is reached, with many streams at once and more bytes than a window',
  async (t, sshd) => {
    await reachesSockets(t, sshd, 12, (use) => withConnection(sshd, use));
  },
);

sshdTest('a key that is not wanted: the error says what was tried', async (t, sshd) => {
  const other = path.join(sshd.home, '.ssh', 'other');
  await execOk('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', other]);
  await writeFile(path.join(sshd.home, '.ssh', 'config'), `IdentityFile ${other}\n`);
  const error = await refused(t, 'E_SSH_AUTH', withConnection(sshd, nothing));
  t.true(error.message.includes(other), error.message);
  t.true(error.message.includes('publickey'), error.message);
});

sshdTest('a user that the host does not know is not let in', async (t, sshd) => {
  await refused(t, 'E_SSH_AUTH', withConnection(sshd, nothing, { user: 'nosuchuser' }));
});

sshdTest('an encrypted key: the passphrase is asked for, and asked again after a slip', async (t, sshd) => {
  const { identity } = sshd;
  await execOk('ssh-keygen', ['-q', '-p', '-N', 'open sesame', '-P', '', '-f', identity]);
  const error = await refused(t, 'E_SSH_AUTH', withConnection(sshd, nothing));
  t.true(error.message.includes('encrypted'), error.message);
  const answers = ['wrong', 'open sesame'];
  const asked: string[] = [];
  const ask = ({ kind, text: question }: { readonly kind: string; readonly text: string }) => {
    asked.push(kind, question);
    return Promise.resolve(answers.shift() ?? '');
  };
  await withConnection(sshd, nothing, { ask });
  t.deepEqual(
    asked.filter((_, at) => at % 2 === 0),
    ['passphrase', 'passphrase'],
  );
  t.true(asked[1]?.includes(identity));
});

sshdTest('an agent signs, and with IdentitiesOnly only with the named keys', async (t, sshd) => {
  await withTempFolder(async (folder) => {
    const socket = path.join(folder, 'agent');
    const { spawn } = await import('node:child_process');
    const agent = spawn('ssh-agent', ['-D', '-a', socket], { stdio: ['ignore', 'pipe', 'ignore'] });
    try {
      await new Promise((resolve) => agent.stdout.once('data', resolve));
      const env = { ...process.env, SSH_AUTH_SOCK: socket };
      // More keys than a server wants to see: the named one has to come first.
      for (let at = 0; at < 7; at += 1) {
        await execOk('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', path.join(folder, `key${at}`)]);
        await execOk('ssh-add', ['-q', path.join(folder, `key${at}`)], { env });
      }
      await execOk('ssh-add', ['-q', sshd.identity], { env });
      await writeFile(path.join(sshd.home, '.ssh', 'config'), `IdentityFile ${sshd.identity}.pub\n`);
      const me = userOf(sshd, { environment: { SSH_AUTH_SOCK: socket } });
      await withConnection(sshd, nothing, { me });

      await appendFile(path.join(sshd.home, '.ssh', 'config'), `IdentitiesOnly yes\n`);
      await execOk('ssh-add', ['-q', '-d', sshd.identity], { env });
      const error = await refused(t, 'E_SSH_AUTH', withConnection(sshd, nothing, { me }));
      t.false(error.message.includes('of the agent'), 'no other key was offered');
    } finally {
      agent.kill();
    }
  });
});

sshdTest(
  'a password is asked for, and never told',
  async (t, sshd) => {
    const me = userOf(sshd, { identities: ['/nonexistent/key'] });
    const ask = () => Promise.resolve('s3cret');
    await withConnection(
      sshd,
      async (connection) => {
        t.is((await connection.run(['id', '-u'])).stdout, `${operator.uid}\n`);
      },
      { user: operator.name, me, ask },
    );
    const wrong = () => Promise.resolve('not-the-pass-word');
    const error = await refused(
      t,
      'E_SSH_AUTH',
      withConnection(sshd, nothing, { user: operator.name, me, ask: wrong }),
    );
    t.false(JSON.stringify([error.message, error.hint, error.stack]).includes('not-the-pass-word'));
  },
  { password: 's3cret' },
);

sshdTest('a host with several keys of which one is known does not look changed', async (t, sshd) => {
  for (const type of ['rsa', 'ecdsa', 'ed25519'] as const) {
    await writeFile(path.join(sshd.home, '.ssh', 'known_hosts'), sshd.hostKeys[type]);
    await withConnection(sshd, async (connection) => {
      t.is((await connection.run(['true'])).status, 0, type);
    });
  }
});

sshdTest(
  'hashed names, as ssh-keygen -H writes them, and the plain name for another port',
  async (t, sshd) => {
    const file = path.join(sshd.home, '.ssh', 'known_hosts');
    await execOk('ssh-keygen', ['-q', '-H', '-f', file]);
    t.true((await readFile(file, 'utf8')).startsWith('|1|'));
    await withConnection(sshd, nothing);
    await writeFile(file, sshd.hostKeys.rsa.replace(/^\[(.*)\]:[0-9]+/, '$1'));
    await withConnection(sshd, nothing);
    await writeFile(file, '');
    await refused(t, 'E_HOST_KEY_UNKNOWN', withConnection(sshd, nothing));
  },
);

sshdTest('--accept-new adds the host, says so, and the next time it is known', async (t, sshd) => {
  const file = path.join(sshd.home, '.ssh', 'known_hosts');
  for (const isHashed of [false, true]) {
    await writeFile(file, '# a last line without its end');
    await writeFile(path.join(sshd.home, '.ssh', 'config'), `HashKnownHosts ${isHashed ? 'yes' : 'no'}\n`);
    const { emit, notes } = noting();
    await withConnection(sshd, nothing, { acceptNew: true, emit });
    t.true(notes().includes('added to'), notes());
    t.true(notes().includes('SHA256:'), notes());
    const line = (await readFile(file, 'utf8')).split('\n')[1] ?? '';
    t.is(line.startsWith('|1|'), isHashed);
    const found = await execOk('ssh-keygen', ['-F', `[127.0.0.1]:${sshd.port}`, '-f', file]);
    t.true(found.includes('found'), 'ssh-keygen finds it');
    await withConnection(sshd, nothing);
  }
});

sshdTest('Ctrl-C ends the connection and what goes over it', async (t, sshd) => {
  const stop = new AbortController();
  await withConnection(
    sshd,
    async (connection) => {
      const endless = await connection.exec(['sleep', '1000'], () => undefined);
      stop.abort(new PackferryError('E_INTERRUPTED', 'stopped'));
      await refused(t, 'E_SSH_UNREACHABLE', text(endless));
      await refused(t, 'E_SSH_UNREACHABLE', connection.run(['true']));
    },
    { signal: stop.signal },
  );
  await refused(t, 'E_INTERRUPTED', withConnection(sshd, nothing, { signal: stop.signal }));
});

test('nobody listens, and a name that nobody has', async (t) => {
  const none = { home: '/nonexistent', port: 1 } as Sshd;
  await refused(t, 'E_SSH_UNREACHABLE', withConnection(none, nothing));
});

test('what answers is no SSH server, or never says anything', async (t) => {
  await withTempFolder(async (home) => {
    const http = createServer((one) =>
      one.on('error', () => undefined).end('HTTP/1.1 400 Bad Request\r\n\r\n'),
    );
    const mute = createServer((one) => one.on('error', () => undefined));
    for (const server of [http, mute]) {
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      const { port } = server.address() as { port: number };
      await writeFile(path.join(home, 'config'), 'ConnectTimeout 1\n');
      const me = userOf({ home }, { configFile: path.join(home, 'config') });
      await refused(t, 'E_SSH_UNREACHABLE', withConnection({ home, port } as Sshd, nothing, { me }));
      server.close();
    }
  });
});

test.serial(
  'two jump hosts in a row, each with its own key, its own port and its own place in known_hosts',
  needing(sshdNeeds, async (t) => {
    await withSshd(async (far) => {
      await withSshd(
        async (near) => {
          await withSshd(
            async (middle) => {
              await makeKnown(far, near, middle);
              const config = [
                'Host far',
                `  HostName 127.0.0.1\n  Port ${far.port}\n  ProxyJump near,root@middle`,
                'Host near',
                `  HostName 127.0.0.1\n  Port ${near.port}\n  User operator`,
                'Host middle',
                `  HostName 127.0.0.1\n  Port ${middle.port}`,
              ];
              await writeFile(path.join(far.home, '.ssh', 'config'), `${config.join('\n')}\n`);
              await withConnection(
                far,
                async (connection) => {
                  t.is((await connection.run(['echo', 'through'])).stdout, 'through\n');
                },
                { host: 'far' },
              );
              t.true((await near.log()).includes('userauth-request for user operator'));
              t.true(await middle.wasAsked());

              // The far host is known all the same, and nothing is sent through one that is not.
              const known = [far, near].flatMap(({ hostKeys }) => Object.values(hostKeys)).join('');
              await writeFile(path.join(far.home, '.ssh', 'known_hosts'), known);
              const error = await refused(
                t,
                'E_HOST_KEY_UNKNOWN',
                withConnection(far, nothing, { host: 'far' }),
              );
              t.true(error.message.includes(`:${middle.port}`), error.message);
              t.true(error.message.includes('on the way to'), error.message);
            },
            { like: far },
          );
        },
        { like: far },
      );
    });
  }),
);

test.serial(
  'a jump host that may not forward: the error names both ends',
  needing(sshdNeeds, async (t) => {
    await withSshd(
      async (jump) => {
        await makeKnown(jump);
        await writeFile(
          path.join(jump.home, '.ssh', 'config'),
          `Host far\n ProxyJump root@127.0.0.1:${jump.port}\n`,
        );
        const error = await refused(t, 'E_SSH_UNREACHABLE', withConnection(jump, nothing, { host: 'far' }));
        t.true(error.message.includes('ssh://root@far'), error.message);
        t.true(error.hint?.includes('AllowTcpForwarding'));
      },
      { config: ['AllowTcpForwarding no'] },
    );
  }),
);

sshdTest('many short commands: no exit status and no end is lost', async (t, sshd) => {
  await withConnection(sshd, async (connection) => {
    const many = Array.from({ length: 60 }, (_, at) => connection.run(['sh', '-c', `exit ${at}`]));
    const statuses = (await Promise.all(many)).map(({ status }) => status);
    t.deepEqual(
      statuses,
      Array.from({ length: 60 }, (_, at) => at),
    );
  });
});
