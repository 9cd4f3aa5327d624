import { collect } from '../core/collect.ts';
import { messageOf, PackferryError, systemCodeOf } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import { readBuildAnswer } from './build-answer.ts';
import { buildFailed, type BuildRequest } from './build-image.ts';
import type { DockerApi } from './docker-api.ts';
import { wordsOf } from './docker-ask.ts';
import { denied, engineFault } from './engine-fault.ts';

/**
 * Builds by Docker's API with its own builder, not BuildKit: all versions have it, Podman too, and it wants nothing but a
 * tar. Nothing is taken from earlier builds, whose packages may be old ones, and no image is pulled.
 */
export async function buildByApi(
  api: DockerApi,
  { image, context, network, signal, onLine }: BuildRequest,
): Promise<string> {
  const query = {
    ...{ nocache: 'true', pull: 'false', rm: 'true', forcerm: 'true' },
    // Podman only: all steps become one layer, without the files that the last of them removes.
    layers: 'false',
    ...(network === 'default' ? {} : { networkmode: network }),
  };
  try {
    const answer = await api.send({ method: 'POST', path: '/build', query, body: context, signal });
    const { statusCode } = answer;
    if (statusCode === 200) return await readBuildAnswer(answer, image, onLine);
    const words = wordsOf(await collect(answer, limits.errorBody, `${image}: the engine's answer`));
    throw statusCode === 401 || statusCode === 403
      ? denied(image, `the engine said: ${words}`)
      : buildFailed(image, words, []);
  } catch (fault) {
    signal.throwIfAborted();
    throw context.errored ?? brokenOff(fault, image, api.name) ?? engineFault(fault, `${image}: ${api.name}`);
  }
}

/** The connection ended before the build did; undefined for other faults. */
function brokenOff(fault: unknown, image: string, engine: string): PackferryError | undefined {
  const code = systemCodeOf(fault);
  if (code !== 'ECONNRESET' && code !== 'EPIPE') return undefined;
  const message = `${image}: not built: the connection to ${engine} broke: ${messageOf(fault)}`;
  return new PackferryError('E_ENGINE_UNREACHABLE', message, {
    hint: "Nothing stands under its name. Look at the network and into the engine's log, then run again.",
    cause: fault,
  });
}
