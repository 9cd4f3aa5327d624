import * as z from 'zod';
import { messageOf, PackferryError } from '../core/errors.ts';
import { given, type EngineFacts } from './docker-facts.ts';
import { engineWords } from './engine-words.ts';
import { parseAnswer } from './parse-answer.ts';

/** Of `podman info --format json`. */
const info = z.object({
  host: z.object({
    arch: z.string().nullish(),
    os: z.string().nullish(),
    hostname: z.string().nullish(),
    security: z.object({ rootless: z.boolean() }),
  }),
  store: z.object({ graphRoot: z.string(), graphDriverName: z.string() }),
  version: z.object({ APIVersion: z.string().nullish(), Version: z.string().nullish() }),
});

/** Reads what Podman tells of itself. Throws `E_ENGINE_PROTOCOL`. */
export function readPodmanFacts(text: string, engine: string): EngineFacts {
  try {
    const { host, store, version } = parseAnswer(text, info);
    return {
      ...{ product: 'podman', idOf: 'config', driver: store.graphDriverName, dataRoot: store.graphRoot },
      isRootless: host.security.rootless,
      ...given('version', version.Version),
      ...given('apiVersion', version.APIVersion),
      ...given('host', host.hostname),
      ...given('os', host.os),
      ...given('architecture', host.arch),
    };
  } catch (cause) {
    const why = cause instanceof z.ZodError ? z.prettifyError(cause) : messageOf(cause);
    const what = `${engine}: podman info: not the answer of Podman: ${engineWords(why)}`;
    throw new PackferryError('E_ENGINE_PROTOCOL', what, {
      hint: 'Is the command podman really Podman? See: podman version.',
      cause,
    });
  }
}
