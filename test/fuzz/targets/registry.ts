import assert from 'node:assert/strict';
import { chmod, writeFile } from 'node:fs/promises';
import path from 'node:path';
import process from 'node:process';
import { Readable } from 'node:stream';
import { composeImage, noise } from '../../../bin/demo/sample-images.ts';
import { digestOf } from '../../../src/core/digest.ts';
import { mediaTypes } from '../../../src/core/media-types.ts';
import { parseReference } from '../../../src/core/reference.ts';
import { parseChallenges } from '../../../src/registry/challenge.ts';
import { accountFor, helperFor, readAuthFile } from '../../../src/registry/credentials/auth-file.ts';
import { askHelper } from '../../../src/registry/credentials/helper.ts';
import { demandIn } from '../../../src/registry/demand.ts';
import { repositoriesOf } from '../../../src/registry/endpoint.ts';
import { readConfigDocument, readManifestDocument } from '../../../src/registry/read-document.ts';
import { readRefusalWords } from '../../../src/registry/refusal-words.ts';
import { wantedRange } from '../../../src/registry/server-range.ts';
import { nextQuery } from '../../../src/registry/tags-link.ts';
import { anyJson, jsonInput } from '../mutate/json.ts';
import { anyText } from '../mutate/text.ts';
import type { Target } from '../target.ts';

const image = composeImage({ files: [{ path: 'a', content: noise('a', 300) }] });

function repository(): Parameters<typeof demandIn>[1] {
  const [first] = repositoriesOf(parseReference('registry.example/a/b:1'), new Map());
  assert.ok(first !== undefined);
  return first;
}

export const challenge: Target = {
  name: 'registry/challenge',
  valid: () =>
    [
      'Bearer realm="https://auth.example/token",service="registry.example",scope="repository:a/b:pull"',
      'Basic realm="x\\"y", Bearer realm="https://auth.example/token?x=1"',
      'Basic realm=x',
    ].map((text) => Buffer.from(text)),
  mutations: anyText,
  codes: ['E_SOURCE_DENIED', 'E_SOURCE_PROTOCOL'],
  runs: 1000,
  read: (input) => {
    const header = input.toString('utf8');
    for (const { scheme } of parseChallenges(header)) assert.equal(scheme, scheme.toLowerCase());
    const demand = demandIn(header, repository(), 'x');
    // A token is never asked for in plain, nor anywhere but over HTTP.
    if (demand.scheme === 'bearer') assert.equal(demand.realm.protocol, 'https:');
  },
};

export const link: Target = {
  name: 'registry/link',
  valid: () =>
    [
      '</v2/a/b/tags/list?n=2&last=x>; rel="next"',
      '<https://other.example/?last=y>; rel=next, <x>; rel="prev"',
    ].map((text) => Buffer.from(text)),
  mutations: anyText,
  codes: [],
  runs: 700,
  read: (input) => {
    const url = new URL('https://registry.example/v2/a/b/tags/list?n=2');
    const query = nextQuery({ headers: { link: input.toString('utf8') }, url });
    // Whatever the header says, the next page is one of the same list.
    const next = new URL(`/v2/a/b/tags/list?${query ?? ''}`, url);
    assert.equal(next.origin + next.pathname, url.origin + url.pathname);
  },
};

export const manifestDocument: Target = {
  name: 'registry/manifest',
  valid: () => [
    image.manifest.bytes,
    image.config.bytes,
    jsonInput({
      ...{ schemaVersion: 2, mediaType: mediaTypes.dockerList },
      manifests: [
        { ...image.manifest.descriptor, platform: { os: 'linux', architecture: 'amd64', variant: null } },
      ],
    }),
  ],
  mutations: anyJson,
  codes: ['E_IMAGE_MALFORMED', 'E_SOURCE_PROTOCOL'],
  runs: 1000,
  read: (input) => {
    const document = { digest: digestOf(input), mediaType: '', bytes: input };
    if (input.includes('"rootfs"')) {
      readConfigDocument(document, 'x');
      return;
    }
    const read = readManifestDocument(document, 'x');
    const list =
      read.kind === 'index' ? read.index.manifests : [read.manifest.config, ...read.manifest.layers];
    for (const { size, digest } of list) {
      assert.ok(Number.isSafeInteger(size) && size >= 0);
      assert.match(digest, /^sha256:[0-9a-f]{64}$/);
    }
  },
};

export const range: Target = {
  name: 'registry/range',
  valid: () => ['bytes=0-9', 'bytes=5-', 'bytes=-5', 'bytes=0-0,5-6'].map((text) => Buffer.from(text)),
  mutations: anyText,
  codes: [],
  runs: 1000,
  read: (input) => {
    for (const size of [0, 1, 10, Number.MAX_SAFE_INTEGER]) {
      const wanted = wantedRange(input.toString('utf8'), size);
      if (wanted.kind === 'part')
        assert.ok(wanted.from >= 0 && wanted.from < wanted.end && wanted.end <= size);
    }
  },
};

export const refusalWords: Target = {
  name: 'registry/refusal',
  valid: () => [
    jsonInput({ errors: [{ code: 'DENIED', message: 'requested access is denied', detail: null }] }),
    jsonInput({ details: 'incorrect username or password' }),
    Buffer.from('<html>502</html>'),
  ],
  mutations: anyJson,
  codes: [],
  runs: 500,
  read: async (input) => {
    const { text } = await readRefusalWords(Readable.from([input], { objectMode: false }));
    // It goes to a terminal.
    assert.doesNotMatch(text, /\p{C}/u);
  },
};

const auth = Buffer.from('user:pass:word').toString('base64');

export const authFile: Target = {
  name: 'registry/auth-file',
  valid: () => [
    jsonInput({
      auths: {
        'https://index.docker.io/v1/': { auth },
        'registry.example/a': { username: 'u', password: 'p', identitytoken: null },
        'other.example': { identitytoken: 'token' },
      },
      credsStore: '',
      credHelpers: { 'gcr.io': 'gcloud' },
    }),
    Buffer.from(' \n'),
  ],
  mutations: anyJson,
  codes: ['E_CREDENTIALS'],
  runs: 350,
  read: async (input, folder) => {
    const file = path.join(folder, 'config.json');
    await writeFile(file, input);
    const read = await readAuthFile(file);
    assert.ok(read !== undefined);
    for (const [host, repositoryPath] of [
      ['docker.io', 'demisto/python3'],
      ['registry.example', 'a/b'],
      ['other.example', 'x'],
    ] as const) {
      helperFor(read, host);
      const account = accountFor(read, host, repositoryPath);
      if (account?.kind === 'password') assert.notEqual(account.username, '');
    }
  },
};

export const helperAnswer: Target = {
  name: 'registry/helper-answer',
  valid: () => [
    jsonInput({ ServerURL: 'https://registry.example', Username: 'user', Secret: 'pass' }),
    jsonInput({ Username: '<token>', Secret: 'token' }),
  ],
  mutations: anyJson,
  codes: ['E_CREDENTIALS'],
  runs: 40,
  read: async (input, folder) => {
    const [program, answer] = [path.join(folder, 'docker-credential-fuzz'), path.join(folder, 'answer')];
    await writeFile(answer, input);
    await writeFile(program, `#!/bin/sh\ncat >/dev/null\nexec cat '${answer}'\n`);
    await chmod(program, 0o755);
    const environment = { PATH: `${folder}${path.delimiter}${process.env['PATH'] ?? ''}` };
    const account = await askHelper('fuzz', 'registry.example', { environment, timeout: 20_000 });
    assert.notEqual(account?.kind === 'password' ? account.password : account?.token, '');
  },
};
