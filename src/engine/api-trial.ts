import * as z from 'zod';
import { collect } from '../core/collect.ts';
import { PackferryError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import type { DockerApi } from './docker-api.ts';
import { tellDocker, wordsOf } from './docker-ask.ts';
import type { Trial, TrialResult } from './engine.ts';
import { engineFault } from './engine-fault.ts';
import { engineWords } from './engine-words.ts';
import { parseAnswer } from './parse-answer.ts';

const created = z.object({ Id: z.string().regex(/^[0-9a-f]{12,64}$/) });
const waited = z.object({ StatusCode: z.number() });

/** Runs a container by the API and removes it, whatever came of it. */
export async function runTrial(api: DockerApi, { image, command, signal }: Trial): Promise<TrialResult> {
  const [entrypoint, ...args] = command;
  const json = {
    ...{ Image: image, Entrypoint: [entrypoint], Cmd: args, NetworkDisabled: true },
    ...{ AttachStdout: false, AttachStderr: false, Labels: { 'packferry.smoke': '1' } },
    HostConfig: {
      ...{ NetworkMode: 'none', ReadonlyRootfs: true, CapDrop: ['ALL'] },
      SecurityOpt: ['no-new-privileges'],
    },
  };
  const creation = await post(api, '/containers/create', signal, json);
  if (creation.status !== 201) return { status: undefined, words: wordsOf(creation.content) };
  const { Id: id } = parsed(created, creation.content, `${api.name}: POST /containers/create`);
  try {
    const start = await post(api, `/containers/${id}/start`, signal);
    if (start.status !== 204 && start.status !== 304)
      return { status: undefined, words: wordsOf(start.content) };
    const wait = await post(api, `/containers/${id}/wait`, signal);
    const { StatusCode: status } = parsed(waited, wait.content, `${api.name}: POST /containers/${id}/wait`);
    return { status, words: await printed(api, id, signal) };
  } finally {
    const patience = AbortSignal.timeout(60_000);
    const query = { force: '1', v: '1' };
    await tellDocker(api, { method: 'DELETE', path: `/containers/${id}`, query, signal: patience });
  }
}

async function post(
  api: DockerApi,
  path: string,
  signal: AbortSignal,
  json?: object,
): Promise<{ status: number | undefined; content: Buffer }> {
  const what = `${api.name}: POST ${path}`;
  try {
    const request = { method: 'POST', path, signal, ...(json === undefined ? {} : { json }) } as const;
    const answer = await api.send(request);
    return { status: answer.statusCode, content: await collect(answer, limits.engineAnswer, what) };
  } catch (fault) {
    signal.throwIfAborted();
    throw engineFault(fault, what);
  }
}

/** What a container printed, without the eight bytes before each piece that say where it went. */
async function printed(api: DockerApi, id: string, signal: AbortSignal): Promise<string> {
  const query = { stdout: '1', stderr: '1', tail: '20' };
  const answer = await api.send({ method: 'GET', path: `/containers/${id}/logs`, query, signal });
  const content = await collect(answer, limits.engineAnswer, `${api.name}: GET /containers/${id}/logs`);
  const pieces: Buffer[] = [];
  for (let at = 0; at + 8 <= content.length;) {
    const length = content.readUInt32BE(at + 4);
    pieces.push(content.subarray(at + 8, at + 8 + length));
    at += 8 + length;
  }
  return engineWords(Buffer.concat(pieces).toString('utf8').trim());
}

function parsed<T>(schema: z.ZodType<T>, content: Buffer, what: string): T {
  try {
    return parseAnswer(content, schema);
  } catch (cause) {
    throw new PackferryError(
      'E_ENGINE_PROTOCOL',
      `${what}: not the answer of a Docker API: ${wordsOf(content)}`,
      {
        hint: "Look into the engine's log.",
        cause,
      },
    );
  }
}
