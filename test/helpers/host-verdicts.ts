import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { ExecutionContext } from 'ava';
import { PackferryError } from '../../src/core/errors.ts';
import { noting, userOf, withConnection } from './ssh-user.ts';
import { execTool, type ExecResult } from './system-exec.ts';
import { withTempFolder } from './system-service.ts';
import type { Sshd } from './system-sshd.ts';
import { systemTools } from './system-tools.ts';

/** What is known of a host, and what is set for it. */
export interface Knowledge {
  readonly knownHosts: string;
  /** Lines of ssh_config. */
  readonly config?: string;
  readonly acceptNew?: boolean;
}

export interface Verdict {
  /** `ok`, or the code of the error. */
  readonly verdict: string;
  /** What the user gets to read. */
  readonly words: string;
}

/** Lets this program's own client judge a server, and asserts that `ssh` comes to the same. */
export async function verdictOn(t: ExecutionContext, sshd: Sshd, knowledge: Knowledge): Promise<Verdict> {
  const [own, ssh] = await Promise.all([
    withTempFolder((home) => ownVerdict(sshd, home, knowledge)),
    withTempFolder((home) => verdictOfSsh(sshd, home, knowledge)),
  ]);
  t.is(own.verdict === 'ok', ssh.status === 0, `${own.verdict} ${own.words}, but ssh: ${ssh.stderr}`);
  return own;
}

/** Writes down what somebody knows whose home that is. */
async function know(home: string, { knownHosts, config = '' }: Knowledge): Promise<void> {
  await mkdir(path.join(home, '.ssh'), { mode: 0o700 });
  await writeFile(path.join(home, '.ssh', 'known_hosts'), knownHosts);
  await writeFile(path.join(home, '.ssh', 'config'), config);
}

async function ownVerdict(sshd: Sshd, home: string, knowledge: Knowledge): Promise<Verdict> {
  await know(home, knowledge);
  const { emit, notes } = noting();
  const me = userOf({ home }, { identities: [sshd.identity] });
  try {
    return await withConnection(
      sshd,
      ({ account }) => Promise.resolve({ verdict: 'ok', words: `${account.join('\n')}\n${notes()}` }),
      { acceptNew: knowledge.acceptNew ?? false, emit, me },
    );
  } catch (fault) {
    if (!(fault instanceof PackferryError)) throw fault;
    return { verdict: fault.code, words: `${fault.message}\n${fault.hint ?? ''}` };
  }
}

async function verdictOfSsh(sshd: Sshd, home: string, knowledge: Knowledge): Promise<ExecResult> {
  await know(home, knowledge);
  const options = {
    BatchMode: 'yes',
    StrictHostKeyChecking: knowledge.acceptNew === true ? 'accept-new' : 'yes',
    UserKnownHostsFile: path.join(home, '.ssh', 'known_hosts'),
    GlobalKnownHostsFile: '/dev/null',
    IdentityFile: sshd.identity,
    IdentitiesOnly: 'yes',
    UpdateHostKeys: 'no',
  };
  return execTool(systemTools().path('ssh'), [
    ...['-F', path.join(home, '.ssh', 'config'), '-p', String(sshd.port)],
    ...Object.entries(options).flatMap(([name, value]) => ['-o', `${name}=${value}`]),
    ...['root@127.0.0.1', 'true'],
  ]);
}
