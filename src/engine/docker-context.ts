import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import * as z from 'zod';
import { collect } from '../core/collect.ts';
import { messageOf, PackferryError, systemCodeOf } from '../core/errors.ts';
import { limits } from '../core/limits.ts';

/** The environment variables of the caller. */
export type Environment = Readonly<Record<string, string | undefined>>;

export interface DockerContext {
  readonly name: string;
  /** As the context has it, e.g. `unix:///run/user/1000/docker.sock`. */
  readonly host: string;
  /** TLS is spoken, with its own certificates here, if it has any. */
  readonly tlsFolder?: string;
}

const configFile = z.object({ currentContext: z.string().exactOptional() });
const metaFile = z.object({
  Endpoints: z.object({
    docker: z.object({ Host: z.string().min(1), SkipTLSVerify: z.boolean().nullish() }),
  }),
});

/**
 * The context that docker's client would use: DOCKER_CONTEXT, else `currentContext` of `config.json` in
 * `$DOCKER_CONFIG` or `~/.docker`. Undefined stands for the built-in `default`. A context's files lie in a folder
 * named by the SHA-256 of its name (docker/cli, `cli/context/store`). Throws `E_ENDPOINT_INVALID` for a context that
 * cannot be read: another Docker than the one meant must not be used instead.
 */
export async function currentContext(environment: Environment): Promise<DockerContext | undefined> {
  const folder = configFolder(environment);
  const name = nonEmpty(environment['DOCKER_CONTEXT']) ?? (await configuredContext(folder));
  if (name === undefined || name === 'default') return undefined;
  if (folder === undefined) throw unusable(name, 'neither DOCKER_CONFIG nor HOME says where contexts are');

  const id = createHash('sha256').update(name).digest('hex');
  const file = path.join(folder, 'contexts', 'meta', id, 'meta.json');
  const meta = await readJson(file, metaFile);
  if (meta === undefined) throw unusable(name, `${file} does not exist`);
  const tlsFolder = path.join(folder, 'contexts', 'tls', id, 'docker');
  const { Host: host, SkipTLSVerify: isUnchecked } = meta.Endpoints.docker;
  // Who wants no check wants TLS all the same.
  const hasTls = isUnchecked === true || (await filesIn(tlsFolder)).length > 0;
  return { name, host, ...(hasTls ? { tlsFolder } : {}) };
}

/** Where docker's client keeps its files; undefined where nothing says it. */
export function configFolder(environment: Environment): string | undefined {
  const home = nonEmpty(environment['HOME']);
  return (
    nonEmpty(environment['DOCKER_CONFIG']) ?? (home === undefined ? undefined : path.join(home, '.docker'))
  );
}

async function configuredContext(folder: string | undefined): Promise<string | undefined> {
  if (folder === undefined) return undefined;
  const config = await readJson(path.join(folder, 'config.json'), configFile);
  return nonEmpty(config?.currentContext);
}

/** Undefined when there is no such file. */
async function readJson<T>(file: string, schema: z.ZodType<T>): Promise<T | undefined> {
  let text: string;
  try {
    text = (await collect(createReadStream(file), limits.dockerConfig, file)).toString('utf8');
  } catch (fault) {
    if (systemCodeOf(fault) === 'ENOENT') return undefined;
    throw unreadable(file, fault);
  }
  try {
    return schema.parse(JSON.parse(text));
  } catch (fault) {
    throw unreadable(file, fault);
  }
}

async function filesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (fault) {
    if (systemCodeOf(fault) === 'ENOENT') return [];
    throw unreadable(folder, fault);
  }
}

function nonEmpty(text: string | undefined): string | undefined {
  return text === '' ? undefined : text;
}

function unreadable(file: string, fault: unknown): PackferryError {
  const why = fault instanceof z.ZodError ? z.prettifyError(fault) : messageOf(fault);
  return new PackferryError(
    'E_ENDPOINT_INVALID',
    `${file}: cannot tell which Docker is meant: ${why.split('\n').join(' ')}`,
    { hint: 'Mend the file, or name the Docker: docker:unix:///PATH.', cause: fault },
  );
}

function unusable(name: string, why: string): PackferryError {
  return new PackferryError('E_ENDPOINT_INVALID', `Docker context ${JSON.stringify(name)}: ${why}`, {
    hint: 'See "docker context ls", or name the Docker: docker:unix:///PATH.',
  });
}
