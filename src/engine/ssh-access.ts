import type { Emit } from '../core/events.ts';
import { PackferryError } from '../core/errors.ts';
import type { ConnectOptions } from '../ssh/connect.ts';
import type { EngineConnection } from './connect-engine.ts';
import { sourceFault } from './source-fault.ts';
import { connectEngineOverSsh } from './ssh-connection.ts';
import type { SshEndpoint } from './ssh-endpoint.ts';

/** How engines on other machines are reached: whoever runs packferry, and what may be asked. */
export type SshAccess = Pick<ConnectOptions, 'me' | 'acceptNew' | 'ask'>;

export interface EngineOverSshOptions {
  /** Undefined where SSH was not prepared. */
  readonly ssh: SshAccess | undefined;
  readonly emit: Emit;
  readonly signal: AbortSignal;
}

/** Connects to an engine that images are brought to. Throws what `connectEngineOverSsh` throws. */
export async function sshTarget(
  endpoint: SshEndpoint,
  options: EngineOverSshOptions,
): Promise<EngineConnection> {
  const { ssh, emit, signal } = options;
  return connectEngineOverSsh(endpoint, { ...prepared(endpoint, ssh), emit, signal });
}

/** What is set for SSH. Throws `E_ENDPOINT_INVALID` where nothing is. */
export function prepared({ name }: SshEndpoint, ssh: SshAccess | undefined): SshAccess {
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
    throw sourceFault(fault, endpoint.name);
  }
}
