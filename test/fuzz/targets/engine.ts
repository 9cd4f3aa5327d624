import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { Readable } from 'node:stream';
import { composeImage, noise } from '../../../bin/demo/sample-images.ts';
import { currentContext } from '../../../src/engine/docker-context.ts';
import type { DockerApi } from '../../../src/engine/docker-api.ts';
import { ApiEngine } from '../../../src/engine/api-engine.ts';
import { learnFacts } from '../../../src/engine/docker-facts.ts';
import { compareHeld } from '../../../src/engine/held-image.ts';
import { readLoadAnswer } from '../../../src/engine/load-answer.ts';
import { lockComposed } from '../../helpers/compose.ts';
import { anyJson, jsonInput } from '../mutate/json.ts';
import type { Target } from '../target.ts';

const composed = composeImage({ files: [{ path: 'a', content: noise('a', 300) }] });
const image = lockComposed('docker.io/demisto/sample:1.0', composed);
const lines = (values: readonly unknown[]): Buffer =>
  Buffer.from(values.map((value) => `${JSON.stringify(value)}\n`).join(''));

function stream(bytes: Buffer): Readable {
  const chunks = Array.from({ length: Math.ceil(bytes.length / 97) }, (_, at) =>
    bytes.subarray(at * 97, (at + 1) * 97),
  );
  return Readable.from(chunks, { objectMode: false });
}

export const loadAnswer: Target = {
  name: 'engine/load-answer',
  valid: () => [
    lines([
      { status: 'Loading layer', progressDetail: { current: 5, total: 9 } },
      { stream: 'Loaded image: a:1\n' },
    ]),
    jsonInput({ stream: 'Loaded image: a:1' }),
  ],
  mutations: anyJson,
  codes: ['E_LOAD_FAILED', 'E_ENGINE_PROTOCOL'],
  runs: 700,
  read: async (input) => {
    await readLoadAnswer(stream(input), 'demisto/sample:1.0');
    assert.match(input.toString('utf8'), /Loaded image/);
  },
};

/** An engine that answers everything with these bytes. */
function engineThatSays(input: Buffer): DockerApi {
  return {
    name: 'docker',
    send: () =>
      Promise.resolve(
        Object.assign(stream(input), {
          statusCode: 200,
          headers: { 'api-version': '1.43' },
        }) as unknown as IncomingMessage,
      ),
    close: () => undefined,
  };
}

export const engineAnswers: Target = {
  name: 'engine/answers',
  valid: () => [
    jsonInput({
      ...{
        ServerVersion: '24.0.5',
        DriverStatus: [['Backing Filesystem', 'extfs']],
      },
      ...{ Id: image.config.digest, Os: 'linux', Architecture: 'amd64', Variant: '', Size: 12345 },
      RootFS: { Type: 'layers', Layers: image.layers.map(({ diffId }) => diffId) },
      Manifests: null,
    }),
  ],
  mutations: anyJson,
  codes: ['E_ENGINE_PROTOCOL'],
  runs: 500,
  read: async (input) => {
    const api = engineThatSays(input);
    await learnFacts(api, 10_000);
    const compared = await compareHeld(new ApiEngine(api, { product: 'docker', idOf: 'config' }), image);
    if (compared.state === 'same') assert.equal(compared.id, image.config.digest);
  },
};

const contextId = createHash('sha256').update('far').digest('hex');

export const dockerContext: Target = {
  name: 'engine/docker-context',
  valid: () => [
    jsonInput({
      ...{ currentContext: 'far', Name: 'far', Metadata: {} },
      Endpoints: { docker: { Host: 'unix:///run/docker.sock', SkipTLSVerify: false } },
    }),
  ],
  mutations: anyJson,
  codes: ['E_ENDPOINT_INVALID'],
  runs: 250,
  read: async (input, folder) => {
    const meta = path.join(folder, 'contexts', 'meta', contextId);
    await mkdir(meta, { recursive: true });
    await writeFile(path.join(folder, 'config.json'), input);
    await writeFile(path.join(meta, 'meta.json'), input);
    const context = await currentContext({ DOCKER_CONFIG: folder });
    assert.ok(context === undefined || (context.name === 'far' && context.host !== ''));
  },
};
