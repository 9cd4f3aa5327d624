import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { composeImage, layersOf, noise } from '../../../bin/demo/sample-images.ts';
import type { LockedImage } from '../../../src/core/image.ts';
import { defaultPlatform } from '../../../src/core/platform.ts';
import { parseReference } from '../../../src/core/reference.ts';
import { verified } from '../../../src/core/verify-stream.ts';
import { openRegistrySource } from '../../../src/registry/source.ts';
import { startScripted, type ScriptedServer } from '../../helpers/registry-scripted.ts';
import { anyJson, jsonInput } from '../mutate/json.ts';
import type { Target } from '../target.ts';

const image = composeImage({ files: [{ path: 'a', content: noise('a', 300) }] });
const [layer] = layersOf(image);

/** What the server answers, one after the other: status, headers, body. */
type Answers = readonly (readonly [number, Readonly<Record<string, string>>, string])[];

const manifest = [
  200,
  { 'content-type': image.manifest.descriptor.mediaType },
  image.manifest.bytes.toString(),
] as const;
const config = [200, { 'content-type': 'application/octet-stream' }, image.config.bytes.toString()] as const;
const blob = image.layers[0]?.bytes.toString('latin1') ?? '';
const part = [206, { 'content-range': `bytes 5-${blob.length - 1}/${blob.length}` }, blob.slice(5)] as const;
const tags = [
  200,
  { link: '</v2/a/b/tags/list?n=1000&last=x>; rel="next"' },
  JSON.stringify({ name: 'a/b', tags: ['1', '1.10'] }),
] as const;
const lastTags = [200, {}, JSON.stringify({ name: 'a/b', tags: ['x'] })] as const;
const wantsToken = [
  401,
  { 'www-authenticate': 'Bearer realm="REALM/token",service="s"' },
  '{"errors":[]}',
] as const;
const token = [
  200,
  { 'content-type': 'application/json' },
  JSON.stringify({ token: 'abc', expires_in: 300 }),
] as const;

let answers: Answers = [];
let server: Promise<ScriptedServer> | undefined;

/** Stays for all runs; the thread ends it. */
function startServer(): Promise<ScriptedServer> {
  return startScripted(({ method }, response, before) => {
    const [status, headers, body] = answers[before.length - from] ?? [404, {}, ''];
    for (const [name, value] of Object.entries(headers)) {
      response.setHeader(name, value.replace('REALM', `http://${response.req.headers.host ?? ''}`));
    }
    response.writeHead(status);
    response.end(method === 'HEAD' ? '' : Buffer.from(body, 'latin1'));
  });
}
let from = 0;

/** A registry whose answers are wrong in some place: headers, tokens, lists, documents and parts of blobs. */
export const registryAnswers: Target = {
  name: 'registry/answers',
  valid: () => [
    jsonInput([manifest, config, tags, lastTags, part]),
    jsonInput([wantsToken, token, manifest, config, tags, lastTags, part]),
  ],
  mutations: anyJson,
  codes: [
    ...([
      'E_SOURCE_UNREACHABLE',
      'E_SOURCE_DENIED',
      'E_SOURCE_PROTOCOL',
      'E_RATE_LIMITED',
      'E_LIMIT_EXCEEDED',
    ] as const),
    ...(['E_IMAGE_NOT_FOUND', 'E_IMAGE_INCOMPLETE', 'E_IMAGE_MALFORMED', 'E_PLATFORM_NOT_FOUND'] as const),
    ...(['E_DIGEST_MISMATCH', 'E_SIZE_MISMATCH', 'E_LAYER_FOREIGN', 'E_CREDENTIALS'] as const),
  ],
  runs: 150,
  read: async (input) => {
    answers = answersIn(input);
    const { host, seen } = await (server ??= startServer());
    from = seen.length;
    const timeouts = { connect: 20_000, headers: 20_000, body: 20_000 };
    const source = openRegistrySource({ retries: 0, retryDelay: 1, maxWait: 1, timeouts });
    try {
      const locked: LockedImage = await source.resolve(parseReference(`${host}/a/b:1`), defaultPlatform);
      assert.equal(locked.layers.length <= 500, true);
      const { tags: list } = await source.listTags(parseReference(`${host}/a/b:1`));
      for (const tag of list) assert.match(tag, /^\w[\w.-]{0,127}$/);
      if (layer === undefined || locked.config.digest !== image.config.descriptor.digest) return;
      const body = await source.openBlob(locked, layer, { from: 5 });
      const rest: Buffer[] = [];
      for await (const chunk of body as AsyncIterable<Buffer>) rest.push(chunk);
      // What is put together from parts is hashed as a whole, like here.
      const content = Buffer.concat([Buffer.from(blob.slice(0, 5), 'latin1'), ...rest]);
      const check = verified(Readable.from([content], { objectMode: false }), layer, { name: 'layer' });
      for await (const chunk of check as AsyncIterable<Buffer>) assert.ok(chunk.length > 0);
    } finally {
      await source.close();
    }
  },
};

/** What can be sent of an input; a server of Node's refuses the rest itself. */
function answersIn(input: Buffer): Answers {
  try {
    const written = JSON.parse(input.toString('utf8')) as unknown;
    return Array.isArray(written) ? written.map((one) => answerIn(one)) : [];
  } catch {
    return [];
  }
}

function answerIn(written: unknown): Answers[number] {
  const [status, headers, body] = Array.isArray(written) ? (written as unknown[]) : [];
  const isStatus = typeof status === 'number' && Number.isInteger(status) && status >= 200 && status <= 599;
  const sendable = Object.entries(typeof headers === 'object' && headers !== null ? headers : {}).filter(
    ([name, value]) =>
      typeof value === 'string' && /^[\w-]+$/.test(name) && /^[\t\x20-\x7e\x80-\xff]*$/.test(value),
  ) as [string, string][];
  const known = sendable.filter(([name]) => !/^(content-length|transfer-encoding|__proto__)$/i.test(name));
  return [isStatus ? status : 200, Object.fromEntries(known), typeof body === 'string' ? body : ''];
}
