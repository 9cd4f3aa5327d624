import { collect } from '../../core/collect.ts';
import { PackferryError } from '../../core/errors.ts';
import { limits } from '../../core/limits.ts';
import { noteSecret } from '../../core/redact.ts';
import { login, logout } from '../../flows/login.ts';
import { emptyManifest } from '../../flows/manifest.ts';
import { authFilesOf, type RegistryOptions } from '../network.ts';
import type { PatienceOptions } from '../registry-options.ts';
import { askSecret, isInteractive } from '../prompt.ts';
import type { Action, CommonOptions, Session } from '../session.ts';
import { registrySourceOptions } from './registries.ts';
import { visible } from '../text/visible.ts';

export interface LogoutOptions extends CommonOptions, Pick<RegistryOptions, 'authfile'> {}

export interface LoginOptions extends CommonOptions, RegistryOptions, PatienceOptions {
  readonly username: string;
  readonly passwordStdin?: boolean;
}

/** `login REGISTRY -u USER` */
export const loginCommand: Action<LoginOptions> = async (session, [registry = ''], options) => {
  const { context, emit, signal } = session;
  const { username } = options;
  const source = await registrySourceOptions(session, emptyManifest, options);
  const report = await login({
    ...{ registry, username, source, signal, environment: context.env },
    places: authFilesOf(context, options),
    password: await passwordFor(session, registry, options),
  });
  if (!report.checked) {
    const message = `${report.registry} lets everybody in, so the password could not be checked`;
    emit({ type: 'note', level: 'warning', message });
  }
  return {
    report,
    text: '',
    summary: visible(`Logged in to ${report.registry}; kept by ${report.storedIn}.`),
  };
};

/** `logout REGISTRY` */
export const logoutCommand: Action<LogoutOptions> = async ({ context, signal }, [registry = ''], options) => {
  const places = authFilesOf(context, options);
  const report = await logout({ registry, places, environment: context.env, signal });
  const { removedFrom } = report;
  const summary =
    removedFrom.length === 0
      ? `Nothing was stored for ${report.registry}.`
      : `Logged out of ${report.registry}: removed from ${removedFrom.join(', ')}.`;
  return { report, text: '', summary: visible(summary) };
};

/** From standard input when somebody says so, else asked for where somebody can answer. Never from an argument. */
async function passwordFor(session: Session, registry: string, options: LoginOptions): Promise<string> {
  const { context } = session;
  if (options.passwordStdin === true) {
    const bytes = await collect(context.stdin, limits.passphraseFile, 'the password');
    const password = bytes.toString('utf8').replace(/\r?\n$/, '');
    noteSecret(password);
    return password;
  }
  if (isInteractive(context)) {
    session.pause();
    return askSecret(context, `Password of ${options.username} at ${registry}: `);
  }
  throw new PackferryError('E_USAGE', 'there is no terminal to ask for the password', {
    hint: 'Give it on standard input: packferry login REGISTRY -u USER --password-stdin < FILE',
  });
}
