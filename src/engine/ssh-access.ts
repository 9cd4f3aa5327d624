import type { Emit } from '../core/events.ts';
import { PackferryError } from '../core/errors.ts';
import type { ConnectOptions } from '../ssh/connect.ts';
import type { EngineConnection } from './connect-engine.ts';
import { renewed } from './renewed-connection.ts';
import { sourceFault } from './source-fault.ts';
import type { ImageTarget } from '../core/ports.ts';
import { openStagedTarget, type StagedOptions, type StageFolder } from './stage/staged-target.ts';
import { connectEngineOverSsh } from './ssh-connection.ts';
import { Answers } from './ssh-answers.ts';
import type { SshEndpoint } from './ssh-endpoint.ts';

/** How engines on other machines are reached: whoever runs packferry, and what may be asked. */
export type SshAccess = Pick<ConnectOptions, 'me' | 'acceptNew' | 'ask'>;

export interface EngineOverSshOptions {
  /** Undefined where SSH was not prepared. */
  readonly ssh: SshAccess | undefined;
  readonly emit: Emit;
  readonly signal: AbortSignal;
}

/**
 * Connects to an engine that images are brought to. A connection that is lost is made anew by what is asked for next. Throws what
 * `connectEngineOverSsh` throws.
 */
export async function sshTarget(
  endpoint: SshEndpoint,
  options: EngineOverSshOptions,
): Promise<EngineConnection> {
  const { emit, signal } = options;
  const ssh = prepared(endpoint, options.ssh);
  const answers = ssh.ask === undefined ? undefined : new Answers(ssh.ask);
  const open = (): ReturnType<typeof connectEngineOverSsh> => {
    answers?.begin();
    return connectEngineOverSsh(endpoint, { ...ssh, ask: answers?.ask, emit, signal });
  };
  const tell = (): void =>
    emit({
      type: 'note',
      level: 'info',
      message: `${endpoint.name}: connected again after the connection broke`,
    });
  return renewed(await open(), open, tell);
}

/** The same by way of a folder there, for links that break often. Throws what `openStagedTarget` throws. */
export async function stagedTarget(
  endpoint: SshEndpoint,
  options: EngineOverSshOptions & Pick<StagedOptions, 'loadIdle'> & { readonly stage: StageFolder },
): Promise<ImageTarget> {
  const { emit, signal, stage, loadIdle } = options;
  return openStagedTarget(endpoint, { ...prepared(endpoint, options.ssh), emit, signal, loadIdle, ...stage });
}

/** What is set for SSH. Throws `E_ENDPOINT_INVALID` where nothing is. */
export function prepared({ name, identity }: SshEndpoint, ssh: SshAccess | undefined): SshAccess {
  if (ssh !== undefined && identity !== undefined)
    return { ...ssh, me: { ...ssh.me, identities: [identity, ...(ssh.me.identities ?? [])] } };
  if (ssh !== undefined) return ssh;
  throw new PackferryError('E_ENDPOINT_INVALID', `${name}: SSH is not set up here`, {
    hint: 'Give the option "ssh": who connects, and where the settings are.',
  });
}

/** The same for one that images are taken from: faults have the codes of a source. */
export async function sshSource(
  endpoint: SshEndpoint,
  options: EngineOverSshOptions,
): Promise<EngineConnection> {
  try {
    return await sshTarget(endpoint, options);
  } catch (fault) {
    throw sourceFault(fault);
  }
}
