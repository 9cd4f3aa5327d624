import { PackferryError } from '../core/errors.ts';
import type { ImageTarget } from '../core/ports.ts';
import { openOciTarget } from '../archive/oci-target.ts';
import { openDockerTarget } from '../engine/docker-target.ts';
import { findDocker } from '../engine/docker-connection.ts';

export interface EndpointOptions {
  /** The variables by which the engines' own clients are configured. */
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/** Opens the target that an endpoint URL names. Throws `E_ENDPOINT_INVALID`, or what the target says. */
export async function openTarget(url: string, options: EndpointOptions): Promise<ImageTarget> {
  const [, scheme, rest = ''] = /^([a-z]+):(.*)$/s.exec(url) ?? [];
  if (scheme === 'docker') return openDockerTarget(await findDocker(url, options.environment));
  if (scheme === 'oci' && rest !== '') return openOciTarget(rest);
  const known = ['podman', 'ssh', 'registry', 'bundle'].includes(scheme ?? '');
  throw new PackferryError(
    'E_ENDPOINT_INVALID',
    `${JSON.stringify(url)} is no target${known ? ' that this version of packferry can write to' : ''}`,
    { hint: 'Targets are docker:, docker:unix:///PATH, docker:tcp://HOST:PORT and oci:DIR.' },
  );
}
