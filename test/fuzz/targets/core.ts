import assert from 'node:assert/strict';
import { isDigest, parseDigest } from '../../../src/core/digest.ts';
import { parseDuration, parseWait } from '../../../src/core/duration.ts';
import { globFault, matchesGlob } from '../../../src/core/glob.ts';
import { retryAfterOf } from '../../../src/core/http-faults.ts';
import { parseStrictJson } from '../../../src/core/json.ts';
import {
  isForeignLayerType,
  isImageConfigType,
  isIndexType,
  isManifestType,
  isZstdLayerType,
} from '../../../src/core/media-types.ts';
import { formatPlatform, parsePlatform } from '../../../src/core/platform.ts';
import { proxyFor, readProxyVariables } from '../../../src/core/proxy.ts';
import { formatReference, nameOf, parseReference } from '../../../src/core/reference.ts';
import { parseSize } from '../../../src/core/size.ts';
import { anyJson, jsonInput } from '../mutate/json.ts';
import { anyText } from '../mutate/text.ts';
import type { Target } from '../target.ts';

const texts =
  (...inputs: readonly string[]): (() => Buffer[]) =>
  () =>
    inputs.map((text) => Buffer.from(text));

const sample = {
  schemaVersion: 2,
  list: [1, -1.5e3, true, null, 'text', { a: { b: { c: [] } } }],
  'key with spaces': 'a"b\\c\u001f',
  Config: 'x',
};

export const json: Target = {
  name: 'core/json',
  valid: () => [jsonInput(sample), jsonInput([sample, sample]), jsonInput('text')],
  mutations: anyJson,
  codes: ['E_JSON_INVALID', 'E_LIMIT_EXCEEDED'],
  runs: 1500,
  read: (input) => {
    const value = parseStrictJson(input, { name: 'a.json', maxBytes: 200_000 });
    assert.deepEqual(JSON.parse(input.toString('utf8')), value);
    const again = parseStrictJson(jsonInput(value), { name: 'a.json', maxBytes: 2_000_000 });
    // As texts, since JSON has no words for -0 and for what 1e999 is to JavaScript.
    assert.equal(JSON.stringify(again), JSON.stringify(value));
  },
};

export const reference: Target = {
  name: 'core/reference',
  valid: texts(
    'demisto/python3:3.12.13.11694875',
    'python:1.10',
    `registry.example:5000/a/b-c__d.e:tag@sha256:${'0'.repeat(64)}`,
    '[2001:db8::1]:5000/a/b',
    `gcr.io/x/y@sha256:${'f'.repeat(64)}`,
  ),
  mutations: anyText,
  codes: ['E_REFERENCE_INVALID'],
  runs: 1500,
  read: (input) => {
    const parsed = parseReference(input.toString('utf8'));
    const text = formatReference(parsed);
    // Nothing that a shell, a path or a command line could take for something else.
    assert.match(text, /^[A-Za-z0-9[][A-Za-z0-9_.:/@[\]-]*$/);
    assert.doesNotMatch(nameOf(parsed), /\.\.|\/\/|\/-|\/\./);
    assert.deepEqual({ ...parseReference(text), written: '' }, { ...parsed, written: '' });
  },
};

/** The small grammars: one word each. */
export const words: Target = {
  name: 'core/words',
  valid: texts(
    `sha256:${'0a'.repeat(32)}`,
    'linux/arm64/v8',
    '4GiB',
    '700 MB',
    '90d',
    '10m',
    'demisto/**/x[a-z]?',
  ),
  mutations: anyText,
  codes: ['E_DIGEST_INVALID', 'E_PLATFORM_INVALID', 'E_USAGE'],
  runs: 1000,
  read: (input) => {
    const text = input.toString('utf8');
    const size = accepted(() => parseSize(text));
    assert.ok(size === undefined || (Number.isSafeInteger(size) && size > 0));
    for (const seconds of [accepted(() => parseDuration(text)), accepted(() => parseWait(text))]) {
      assert.ok(seconds === undefined || (Number.isSafeInteger(seconds) && seconds > 0));
    }
    const platform = accepted(() => parsePlatform(text));
    if (platform !== undefined) assert.equal(formatPlatform(platform), text);
    assert.equal(accepted(() => parseDigest(text, 'x')) === text, isDigest(text));
    if (globFault(text) === undefined) matchesGlob(text, text.slice(0, 2000));
    for (const is of [isForeignLayerType, isImageConfigType, isIndexType, isManifestType, isZstdLayerType])
      is(text);
    const wait = retryAfterOf(text, 0);
    assert.ok(wait === undefined || wait >= 0);
  },
};

/** What a parser makes of a text; undefined where it refuses with a code that it may throw. */
function accepted<T>(parse: () => T): T | undefined {
  try {
    return parse();
  } catch (fault) {
    if (fault instanceof Error && 'code' in fault && words.codes.some((code) => code === fault.code))
      return undefined;
    throw fault;
  }
}

export const proxyVariables: Target = {
  name: 'core/proxy',
  valid: texts(
    'http://user:pa%20ss@proxy.example:3128\nhttps://proxy.example\n.example,10.0.0.0/8,[::1]:443,*.x',
    'proxy:80\n\n*',
  ),
  mutations: anyText,
  codes: ['E_USAGE'],
  runs: 500,
  read: (input) => {
    const [http = '', https = '', ...except] = input.toString('utf8').split('\n');
    const settings = readProxyVariables({
      HTTP_PROXY: http,
      HTTPS_PROXY: https,
      NO_PROXY: except.join('\n'),
    });
    for (const url of ['http://a.example/', 'https://10.1.2.3:444/', 'https://[fe80::1]/']) {
      const proxy = proxyFor(new URL(url), settings);
      assert.ok(proxy === undefined || /^https?:\/\//.test(proxy.origin));
    }
  },
};
