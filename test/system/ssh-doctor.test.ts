import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import process from 'node:process';
import test, { type ExecutionContext } from 'ava';
import type { DoctorReport } from '../../src/schema/reports-doctor.ts';
import { launcher } from '../helpers/cli.ts';
import { runCli, type Ran } from '../helpers/cli-run.ts';
import { hasTerminal, inTerminal } from '../helpers/cli-terminal.ts';
import { setPath } from '../helpers/ssh-engine.ts';
import { withDockerd } from '../helpers/system-dockerd.ts';
import { execOk, execTool } from '../helpers/system-exec.ts';
import { makeKnown, sshdNeeds, withSshd, type Sshd, type SshdOptions } from '../helpers/system-sshd.ts';
import { needing } from '../helpers/system-tools.ts';

/** Nothing of this machine's user counts. */
const argumentsFor = (sshd: Sshd, user: string, query: string): string[] => [
  ...['doctor', '--to', `ssh://${user}@127.0.0.1:${sshd.port}?${query}`, '--ssh-config', 'none'],
  ...['--known-hosts', path.join(sshd.home, '.ssh', 'known_hosts')],
];

test.serial(
  'doctor --to ssh://: host key, who was let in how, every way, the engine and its room',
  needing([...sshdNeeds, 'dockerd', 'docker', 'ssh'], async (t) => {
    await withDockerd(async (engine) => {
      await withSshd(
        async (sshd) => {
          await makeKnown(sshd);
          const query = `engine=docker&socket=${engine.socket}`;
          const argv = [...argumentsFor(sshd, 'root', query), '--identity', sshd.identity];
          const told = await runCli(argv);
          t.regex(
            told.stdout,
            /OK {4}ssh:\S+: host key ssh-ed25519 SHA256:\S+ is the known one; let in by \S+id_ed25519/,
          );
          t.true(told.stdout.includes(`not by the socket ${engine.socket}`), told.stdout);
          t.regex(told.stdout, /OK {4}ssh:\S+: goes by the command "docker .* system dial-stdio"/);
          t.regex(told.stdout, /OK {4}ssh:\S+: goes by the command "docker .* load"/);

          const { status, stdout, stderr } = await runCli([...argv, '--json', '--ssh-command', 'ssh']);
          t.is(status, 0, stderr);
          const { engines, checks } = JSON.parse(stdout) as DoctorReport;
          t.like(engines[0], { product: 'docker', store: 'classic' });
          t.true(engines[0]?.way?.includes('dial-stdio'));
          t.true((engines[0]?.freeBytes ?? 0) > 0, 'df there');
          t.true(checks.some(({ id, message }) => id === 'ssh-host' && message.includes('ssh itself')));
        },
        { config: [setPath, 'AllowStreamLocalForwarding no'], hostKeys: ['ed25519'] },
      );
    });
  }),
);

const password = 's3cret-pass';

/** Servers that want a password, and no engine behind them: what matters is who is let in. */
function passwordTest(
  title: string,
  use: (t: ExecutionContext, sshd: Sshd, argv: readonly string[]) => Promise<void>,
  options: SshdOptions = {},
): void {
  test.serial(
    title,
    needing([...sshdNeeds, 'openssl'], (t) =>
      withSshd(
        async (sshd) => {
          await makeKnown(sshd);
          await use(t, sshd, argumentsFor(sshd, 'operator', 'engine=podman'));
        },
        {
          ...{ password, hostKeys: ['ed25519'] },
          config: ['SetEnv PATH=/nonexistent', 'PubkeyAuthentication no'],
          ...options,
        },
      ),
    ),
  );
}

/** The password appears nowhere. */
function isKept(t: ExecutionContext, { stdout, stderr }: Pick<Ran, 'stdout' | 'stderr'>): void {
  t.false(`${stdout}${stderr}`.includes(password));
}

const isLetIn = (t: ExecutionContext, ran: Ran, how: string): void => {
  t.true(ran.stdout.includes(`let in by ${how}`), ran.stderr);
  t.true(ran.stderr.includes('E_ENGINE_UNREACHABLE'), ran.stderr);
  isKept(t, ran);
};

for (const pam of [false, true]) {
  const how = pam ? 'that the host asks for through PAM' : 'of SSH itself';
  passwordTest(
    `a password ${how}: from a file, and a wrong one is sent once only`,
    async (t, sshd, argv) => {
      const file = path.join(sshd.home, 'password');
      await writeFile(file, `${password}\n`);
      const right = await runCli([...argv, '--ssh-password-file', file]);
      isLetIn(t, right, pam ? 'answers to the questions of the host' : 'a password');

      await writeFile(file, 'wrong\n');
      const wrong = await runCli([...argv, '--ssh-password-file', file]);
      t.is(wrong.status, 6);
      t.true(wrong.stderr.includes('E_SSH_AUTH'), wrong.stderr);
      const failures = (await sshd.log()).match(/Failed (password|keyboard-interactive\/pam) for operator/g);
      t.is(failures?.length, 1, 'an account may be locked after three');

      const nobody = await runCli(argv);
      t.is(nobody.status, 6);
      t.regex(nobody.stderr, /E_SSH_AUTH.*the host takes (password|keyboard-interactive)/);
      t.true(nobody.stderr.includes('--ssh-password-file'), nobody.stderr);
    },
    { pam },
  );
}

passwordTest('a password from a file descriptor, which can be read once only', async (t, _sshd, argv) => {
  // Of Node's own pipes to children `/dev/fd/3` cannot be opened: they are sockets.
  const script = 'cat - | "$@" 3<&0 </dev/null';
  const line = ['-c', script, 'sh', process.execPath, launcher, ...argv, '--ssh-password-file', '/dev/fd/3'];
  const ran = await execTool('sh', line, { input: `${password}\n` });
  isLetIn(t, ran, 'a password');
});

passwordTest('a password that is typed on a terminal is not shown', async (t, sshd, argv) => {
  if (!(await hasTerminal(t))) return;
  const question = `Password of operator@127.0.0.1:`;
  const { screen } = await inTerminal(argv, question, `${password}\r`, { env: { HOME: sshd.home } });
  t.true(screen.includes('let in by a password'), screen);
  t.false(screen.includes(password), screen);
});

passwordTest(
  'a key with a passphrase is opened on a terminal, and told as such without one',
  async (t, sshd, argv) => {
    await execOk('ssh-keygen', ['-q', '-p', '-N', password, '-P', '', '-f', sshd.identity]);
    const named = [...argv, '--identity', sshd.identity];
    const nobody = await runCli(named);
    t.is(nobody.status, 6);
    t.true(nobody.stderr.includes('is encrypted, and nobody can be asked'), nobody.stderr);
    if (!(await hasTerminal(t))) return;
    const question = `Passphrase of ${sshd.identity}:`;
    const { screen } = await inTerminal(named, question, `${password}\r`, {
      size: { columns: 200, rows: 24 },
      env: { HOME: sshd.home },
    });
    t.true(screen.replaceAll(/\s+/g, ' ').includes('let in by'), screen);
    t.false(screen.includes(password), screen);
  },
  { config: ['SetEnv PATH=/nonexistent', 'PasswordAuthentication no'] },
);

passwordTest(
  'a password file does not go with --ssh-command, and has to be there',
  async (t, _sshd, argv) => {
    const { status, stderr } = await runCli([
      ...argv,
      '--ssh-command',
      'ssh',
      '--ssh-password-file',
      '/dev/null',
    ]);
    t.is(status, 2, stderr);
    const unreadable = await runCli([...argv, '--ssh-password-file', '/nonexistent']);
    t.is(unreadable.status, 2);
    t.true(unreadable.stderr.includes('the password file /nonexistent cannot be read'), unreadable.stderr);
  },
);
