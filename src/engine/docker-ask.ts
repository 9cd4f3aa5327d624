import type { IncomingHttpHeaders } from 'node:http';
import * as z from 'zod';
import { collect } from '../core/collect.ts';
import { messageOf, PackferryError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import type { ApiRequest, DockerApi } from './docker-api.ts';
import { denied, engineFault } from './engine-fault.ts';
import { engineWords } from './engine-words.ts';
import { parseAnswer } from './parse-answer.ts';

/**
 * Asks for a JSON document; undefined when the engine has none of that name (404). Throws the abort reason,
 * `E_ENGINE_UNREACHABLE`, `E_ENGINE_DENIED` or `E_ENGINE_PROTOCOL`.
 */
export async function askDocker<T>(
  api: DockerApi,
  request: Omit<ApiRequest, 'method' | 'body'>,
  schema: z.ZodType<T>,
): Promise<T | undefined> {
  const asking: ApiRequest = { ...request, method: 'GET' };
  const answer = await found(api, asking);
  if (answer === undefined) return undefined;
  try {
    return parseAnswer(answer.content, schema);
  } catch (fault) {
    const why = fault instanceof z.ZodError ? z.prettifyError(fault) : messageOf(fault);
    throw new PackferryError(
      'E_ENGINE_PROTOCOL',
      `${api.name}: not the answer of a Docker API: ${engineWords(why)} (${wordsFor(asking)})`,
      {
        hint: 'Is this the socket of Docker or Podman?',
        cause: fault,
      },
    );
  }
}

/** Asks for what stands in the head of an answer. Resolves and throws as `askDocker` does. */
export async function askHead(
  api: DockerApi,
  request: Omit<ApiRequest, 'method' | 'body'>,
): Promise<IncomingHttpHeaders | undefined> {
  return (await found(api, { ...request, method: 'GET' }))?.headers;
}

/** Has an engine do something that gives no answer worth reading. Throws as `askDocker` does; `E_ENGINE_PROTOCOL` also for 404. */
export async function tellDocker(api: DockerApi, request: ApiRequest): Promise<void> {
  const { status, content } = await exchange(api, request);
  if (status === undefined || status < 200 || status > 299) throw refused(api, request, status, content);
}

interface Answer {
  readonly status: number | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly content: Buffer;
}

async function found(api: DockerApi, request: ApiRequest): Promise<Answer | undefined> {
  const answer = await exchange(api, request);
  if (answer.status === 404) return undefined;
  if (answer.status !== 200) throw refused(api, request, answer.status, answer.content);
  return answer;
}

async function exchange(api: DockerApi, request: ApiRequest): Promise<Answer> {
  try {
    const answer = await api.send(request);
    const what = `the answer to ${wordsFor(request)}`;
    const content = await collect(answer, limits.engineAnswer, what);
    return { status: answer.statusCode, headers: answer.headers, content };
  } catch (fault) {
    request.signal?.throwIfAborted();
    throw engineFault(fault, api.name);
  }
}

/** For whoever looks for it in the log of the engine. */
function wordsFor({ method, path }: Pick<ApiRequest, 'method' | 'path'>): string {
  return `${method} ${path}`;
}

function refused(
  { name }: DockerApi,
  request: ApiRequest,
  status: number | undefined,
  content: Buffer,
): PackferryError {
  const said = `the engine said: ${wordsOf(content)} (${wordsFor(request)})`;
  if (status === 401 || status === 403) return denied(name, said);
  return new PackferryError('E_ENGINE_PROTOCOL', `${name}: status ${status ?? 'unknown'}; ${said}`, {
    hint: "Look into the engine's log.",
  });
}

const errorBody = z.object({ message: z.string().exactOptional(), cause: z.string().exactOptional() });

/** The text of an error answer: Docker's `message`, else the body as it is. */
export function wordsOf(content: Buffer): string {
  const text = content.toString('utf8');
  try {
    const { message, cause } = parseAnswer(content, errorBody);
    return engineWords(message ?? cause ?? text);
  } catch {
    return engineWords(text);
  }
}
