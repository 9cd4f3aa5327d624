import { userInfo } from 'node:os';
import pLimit from 'p-limit';
import { PackferryError } from '../core/errors.ts';
import type { SshAccess } from '../engine/ssh-access.ts';
import { parseClientCommand } from '../ssh/client-command.ts';
import type { AskPerson } from '../ssh/questions.ts';
import type { Context } from './context.ts';
import { readPassphrase } from './keys.ts';
import type { SshOptions } from './ssh-options.ts';
import { askLine, askSecret, isInteractive } from './prompt.ts';
import type { Session } from './session.ts';

/** Who connects over SSH, by which settings, and who answers questions: a file, or a person at the terminal. */
export function sshAccess(session: Session, options: SshOptions): SshAccess {
  const { context } = session;
  const { acceptNew = false, sshConfig, identity = [], knownHosts, sshCommand, sshPasswordFile } = options;
  if (sshCommand !== undefined && sshPasswordFile !== undefined) {
    throw new PackferryError('E_USAGE', '--ssh-password-file does not go with --ssh-command', {
      hint: 'The client in packferry takes passwords; ssh itself is asked no questions, and is let in by a key or a ticket.',
    });
  }
  const { env: environment, home } = context;
  return {
    me: {
      ...{ name: localUser(context), home, environment, identities: identity },
      ...(sshConfig === undefined ? {} : { configFile: sshConfig }),
      ...(knownHosts === undefined ? {} : { knownHosts }),
      ...(sshCommand === undefined ? {} : { command: parseClientCommand(sshCommand) }),
    },
    acceptNew,
    ask: answering(session, options),
  };
}

/** Undefined where nobody can answer. One question at a time: several hosts may be asked at once. */
function answering(session: Session, { sshPasswordFile }: SshOptions): AskPerson | undefined {
  const { context, pause } = session;
  const canAsk = isInteractive(context);
  if (!canAsk && sshPasswordFile === undefined) return undefined;
  const inTurn = pLimit(1);
  // A pipe can be read once only.
  let password: Promise<string> | undefined;
  return (question) =>
    inTurn(async () => {
      if (question.kind === 'password' && sshPasswordFile !== undefined) {
        password ??= readPassphrase(sshPasswordFile, { code: 'E_SSH_CONFIG', what: 'password' });
        return password;
      }
      if (!canAsk) {
        throw new PackferryError('E_SSH_AUTH', `nobody can answer: ${question.text.trim()}`, {
          hint: 'Run on a terminal, or add the key to an ssh-agent.',
        });
      }
      pause();
      return question.isShown ? askLine(context, question.text) : askSecret(context, question.text);
    });
}

/** Who runs the program; a user whom the machine does not know has the name of the environment. */
function localUser({ env }: Context): string {
  try {
    return userInfo().username;
  } catch {
    return env['USER'] ?? 'root';
  }
}
