import * as z from 'zod';
import { messageOf, PackferryError } from '../core/errors.ts';
import type { Ending } from '../core/running-command.ts';
import { factsFrom, infoAnswer, versionAnswer, type EngineFacts } from './docker-facts.ts';
import { engineWords } from './engine-words.ts';
import { parseAnswer } from './parse-answer.ts';
import { readPodmanFacts } from './podman-facts.ts';

/** What the commands of engines do differently. */
export interface Dialect {
  /** The status with which it ends when it could not do what it was told. */
  readonly failed: number;
  readonly save: readonly string[];
  readonly entrypoint: (program: string) => string;
  /** Asks what the engine is; `ask` runs a command and hands back what it printed. */
  readonly facts: (ask: (args: readonly string[]) => Promise<string>, name: string) => Promise<EngineFacts>;
  /** Did `image inspect` fail since there is no such image? `exists` runs `image exists`, which Docker does not have. */
  readonly isAbsent: (complaint: string, exists: () => Promise<Ending>) => Promise<boolean>;
  readonly notTheEngine: (what: string, why: string, cause: unknown) => PackferryError;
}

const podman: Dialect = {
  failed: 125,
  save: ['save', '--format', 'docker-archive'],
  entrypoint: (program) => JSON.stringify([program]),
  facts: async (ask, name) => readPodmanFacts(await ask(['info', '--format', 'json']), name),
  // The words have changed with the versions; the status of this question has not.
  isAbsent: async (_, exists) => (await exists()) === 1,
  notTheEngine: (what, why, cause) => notTheEngine('podman', what, why, cause),
};

const docker: Dialect = {
  failed: 1,
  save: ['save'],
  entrypoint: (program) => program,
  facts: async (ask, name) => {
    const version = await ask(['version', '--format', '{{json .Server}}']);
    const info = await ask(['info', '--format', '{{json .}}']);
    try {
      return factsFrom(parseAnswer(version, versionAnswer), parseAnswer(info, infoAnswer));
    } catch (cause) {
      const why = cause instanceof z.ZodError ? z.prettifyError(cause) : messageOf(cause);
      throw notTheEngine('docker', `${name}: docker version, docker info`, why, cause);
    }
  },
  isAbsent: (complaint) => Promise.resolve(/no such (image|object)/i.test(complaint)),
  notTheEngine: (what, why, cause) => notTheEngine('docker', what, why, cause),
};

export const dialects: Readonly<Record<'docker' | 'podman', Dialect>> = { docker, podman };

/** The error for an answer that cannot be one of this engine. */
function notTheEngine(
  command: keyof typeof dialects,
  what: string,
  why: string,
  cause: unknown,
): PackferryError {
  const product = command === 'podman' ? 'Podman' : 'Docker';
  return new PackferryError(
    'E_ENGINE_PROTOCOL',
    `${what}: not the answer of ${product}: ${engineWords(why)}`,
    { hint: `Is the command ${command} really ${product}? See: ${command} version.`, cause },
  );
}
