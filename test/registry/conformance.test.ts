// The pull and content discovery workflows of the OCI distribution specification (v1.1), against a registry that is served
// from a bundle. Titles name the endpoint (end-N) and say what the specification asks for.
import { randomUUID } from 'node:crypto';
import { request } from 'undici';
import test, { type ExecutionContext } from 'ava';
import { digestOf } from '../../src/core/digest.ts';
import { mediaTypes } from '../../src/core/media-types.ts';
import { withServedBundle } from '../helpers/served-bundle.ts';

type Served = Parameters<Parameters<typeof withServedBundle>[1]>[0];

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer;
}

interface Client extends Served {
  readonly ask: (
    method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE',
    target: string,
    headers?: Readonly<Record<string, string>>,
  ) => Promise<Answer>;
  /** The path of the first image's repository. */
  readonly repository: string;
  readonly image: Served['images'][number];
}

const conforms = test.macro<[check: (t: ExecutionContext, client: Client) => Promise<void>]>(
  async (t, check) => {
    await withServedBundle(t, async (served) => {
      const [image] = served.images;
      if (image === undefined) throw new Error('no image');
      await check(t, {
        ...served,
        image,
        repository: '/v2/demisto/python3',
        ask: async (method, target, headers = {}) => {
          const {
            statusCode,
            headers: answered,
            body,
          } = await request(`${served.url}${target}`, {
            method,
            headers,
          });
          return { status: statusCode, headers: answered, body: Buffer.from(await body.arrayBuffer()) };
        },
      });
      t.deepEqual(served.faults, []);
    });
  },
);

/** Section "Error Codes": what a JSON body of a 4xx has. */
function isError(
  t: ExecutionContext,
  { status, headers, body }: Answer,
  expected: number,
  code: string,
): void {
  t.is(status, expected);
  t.is(headers['content-type'], 'application/json');
  const { errors } = JSON.parse(body.toString()) as { errors: { code: string; message: string }[] };
  t.deepEqual(
    errors.map((error) => error.code),
    [code],
  );
}

const accept = { accept: `${mediaTypes.ociIndex}, ${mediaTypes.ociManifest}` };

test('end-1: the base answers that the specification is implemented', conforms, async (t, { ask }) => {
  t.is((await ask('GET', '/v2/')).status, 200);
});

test(
  'end-2: an existing blob is given whole, with its digest',
  conforms,
  async (t, { ask, repository, image }) => {
    for (const { digest, size } of [image.config, ...image.layers]) {
      const { status, headers, body } = await ask('GET', `${repository}/blobs/${digest}`);
      t.is(status, 200);
      t.is(headers['docker-content-digest'], digest);
      t.is(headers['content-length'], String(size));
      t.is(digestOf(body), digest);
    }
  },
);

test(
  'end-2: HEAD of a blob tells digest and size, and sends nothing',
  conforms,
  async (t, { ask, repository, image }) => {
    const { digest, size } = image.config;
    const { status, headers, body } = await ask('HEAD', `${repository}/blobs/${digest}`);
    t.is(status, 200);
    t.is(headers['docker-content-digest'], digest);
    t.is(headers['content-length'], String(size));
    t.is(body.length, 0);
  },
);

test('end-2: a blob that is not there is 404', conforms, async (t, { ask, repository }) => {
  const missing = digestOf(randomUUID());
  isError(t, await ask('GET', `${repository}/blobs/${missing}`), 404, 'BLOB_UNKNOWN');
  t.is((await ask('HEAD', `${repository}/blobs/${missing}`)).status, 404);
});

test(
  'end-2: a blob of another digest algorithm is 404, not malformed',
  conforms,
  async (t, { ask, repository }) => {
    isError(t, await ask('GET', `${repository}/blobs/sha512:${'a'.repeat(128)}`), 404, 'BLOB_UNKNOWN');
  },
);

const ranges = [
  ['500-1499', (size: number) => [Math.min(500, size), Math.min(1500, size)]],
  ['500-', (size: number) => [500, size]],
  ['-500', (size: number) => [size - 500, size]],
  ['2000-99999999', (size: number) => [2000, size]],
] as const;
for (const [range, bounds] of ranges) {
  test(
    `end-2: the range ${range} of a blob is 206 with these bytes`,
    conforms,
    async (t, { ask, repository, image }) => {
      const { digest, size } = image.layers.find((layer) => layer.size > 5000) ?? image.config;
      const whole = (await ask('GET', `${repository}/blobs/${digest}`)).body;
      const answer = await ask('GET', `${repository}/blobs/${digest}`, { range: `bytes=${range}` });
      const [from = 0, end = 0] = bounds(size);
      t.is(answer.status, 206);
      t.is(answer.headers['content-range'], `bytes ${from}-${end - 1}/${size}`);
      t.is(answer.headers['content-length'], String(end - from));
      t.true(answer.body.equals(whole.subarray(from, end)));
    },
  );
}

for (const range of ['500-0', '99999999-']) {
  test(`end-2: the range ${range} of a blob is 416`, conforms, async (t, { ask, repository, image }) => {
    const { digest, size } = image.config;
    const answer = await ask('GET', `${repository}/blobs/${digest}`, { range: `bytes=${range}` });
    t.is(answer.status, 416);
    t.is(answer.headers['content-range'], `bytes */${size}`);
  });
}

test(
  'end-3: a manifest is given by tag and by digest, as the bytes and the type that it has',
  conforms,
  async (t, { ask, repository, image }) => {
    const { digest, mediaType, size } = image.manifest;
    for (const name of ['3.12.13.1', digest]) {
      const { status, headers, body } = await ask('GET', `${repository}/manifests/${name}`, accept);
      t.is(status, 200);
      t.is(headers['docker-content-digest'], digest);
      t.is(headers['content-type'], mediaType, 'without parameters');
      t.is(headers['content-length'], String(size));
      t.is(digestOf(body), digest);
    }
  },
);

test(
  'end-3: HEAD of a manifest by tag and by digest tells digest, type and size',
  conforms,
  async (t, { ask, repository, image }) => {
    const { digest, mediaType, size } = image.manifest;
    for (const name of ['3.12.13.1', digest]) {
      const { status, headers, body } = await ask('HEAD', `${repository}/manifests/${name}`, accept);
      t.is(status, 200);
      t.is(headers['docker-content-digest'], digest);
      t.is(headers['content-type'], mediaType);
      t.is(headers['content-length'], String(size));
      t.is(body.length, 0);
    }
  },
);

test(
  'end-3: a manifest that is not there is 404, by tag and by digest',
  conforms,
  async (t, { ask, repository }) => {
    for (const name of ['missing-tag', digestOf(randomUUID())]) {
      isError(t, await ask('GET', `${repository}/manifests/${name}`), 404, 'MANIFEST_UNKNOWN');
      t.is((await ask('HEAD', `${repository}/manifests/${name}`)).status, 404);
    }
  },
);

test('end-3: a malformed digest is 400', conforms, async (t, { ask, repository }) => {
  isError(t, await ask('GET', `${repository}/manifests/sha256:baddigeststring`), 400, 'DIGEST_INVALID');
});

test('end-3: a repository that is not there is 404', conforms, async (t, { ask }) => {
  isError(t, await ask('GET', '/v2/demisto/none/manifests/latest'), 404, 'NAME_UNKNOWN');
});

test('end-3: a name outside the grammar is 400', conforms, async (t, { ask }) => {
  isError(t, await ask('GET', '/v2/Demisto/python3/manifests/latest'), 400, 'NAME_INVALID');
});

const writes = [
  ['end-4a', 'POST', '/blobs/uploads/'],
  ['end-4b', 'POST', `/blobs/uploads/?digest=${digestOf('x')}`],
  ['end-5', 'PATCH', '/blobs/uploads/1'],
  ['end-6', 'PUT', `/blobs/uploads/1?digest=${digestOf('x')}`],
  ['end-7', 'PUT', '/manifests/latest'],
  ['end-9', 'DELETE', '/manifests/3.12.13.1'],
  ['end-10', 'DELETE', `/blobs/${digestOf('x')}`],
  ['end-11', 'POST', `/blobs/uploads/?mount=${digestOf('x')}&from=demisto/crypto`],
  ['end-14', 'DELETE', '/blobs/uploads/1'],
] as const;
for (const [end, method, target] of writes) {
  test(
    `${end}: ${method} is 405, for this registry is read-only`,
    conforms,
    async (t, { ask, repository }) => {
      const answer = await ask(method, `${repository}${target}`);
      isError(t, answer, 405, 'UNSUPPORTED');
      t.is(answer.headers['allow'], 'GET, HEAD');
    },
  );
}

test('end-8a: tags are listed', conforms, async (t, { ask, repository }) => {
  const { status, body } = await ask('GET', `${repository}/tags/list`);
  t.is(status, 200);
  t.deepEqual(JSON.parse(body.toString()), { name: 'demisto/python3', tags: ['3.12.13.1'] });
});

test('end-8b: n is 0: an empty list, and no link', conforms, async (t, { ask, repository }) => {
  const { headers, body } = await ask('GET', `${repository}/tags/list?n=0`);
  t.deepEqual(JSON.parse(body.toString()), { name: 'demisto/python3', tags: [] });
  t.is(headers['link'], undefined);
});

test('end-8b: only tags behind the last one', conforms, async (t, { ask, repository }) => {
  for (const [last, tags] of [
    ['3.12.13.0', ['3.12.13.1']],
    ['3.12.13.1', []],
  ] as const) {
    const { body } = await ask('GET', `${repository}/tags/list?last=${last}`);
    t.deepEqual(JSON.parse(body.toString()), { name: 'demisto/python3', tags });
  }
});

test(
  'end-12a: without referrers the index is empty, also for what is not there',
  conforms,
  async (t, { ask, repository, image }) => {
    for (const digest of [image.manifest.digest, digestOf(randomUUID())]) {
      const { status, headers, body } = await ask('GET', `${repository}/referrers/${digest}`);
      t.is(status, 200);
      t.is(headers['content-type'], mediaTypes.ociIndex);
      t.like(JSON.parse(body.toString()), {
        schemaVersion: 2,
        mediaType: mediaTypes.ociIndex,
        manifests: [],
      });
    }
  },
);

test('end-12b: a filter that was applied is told', conforms, async (t, { ask, repository, image }) => {
  const target = `${repository}/referrers/${image.manifest.digest}?artifactType=a`;
  t.is((await ask('GET', target)).headers['oci-filters-applied'], 'artifactType');
});

test('end-12a: a malformed digest is 400', conforms, async (t, { ask, repository }) => {
  isError(t, await ask('GET', `${repository}/referrers/sha256:x`), 400, 'DIGEST_INVALID');
});

test(
  'proxying: ns names the registry that is meant, and comes back',
  conforms,
  async (t, { ask, repository }) => {
    const { status, headers } = await ask('GET', `${repository}/manifests/3.12.13.1?ns=docker.io`);
    t.is(status, 200);
    t.is(headers['oci-namespace'], 'docker.io');
    isError(t, await ask('GET', `${repository}/manifests/3.12.13.1?ns=quay.io`), 404, 'NAME_UNKNOWN');
  },
);
