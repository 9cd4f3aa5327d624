import test, { type ExecutionContext } from 'ava';
import { composeImage, noise } from '../../../bin/demo/sample-images.ts';
import { PackferryError, type ErrorCode } from '../../../src/core/errors.ts';
import type { Event } from '../../../src/core/events.ts';
import type { LockedImage } from '../../../src/core/image.ts';
import type { ImageSource, ImageTarget } from '../../../src/core/ports.ts';
import { openRegistryTarget, type RegistryTargetOptions } from '../../../src/registry/push/target.ts';
import { blobBytes, lockComposed, memorySource } from '../../helpers/compose.ts';
import { pushRegistry, type Mischief, type PushRegistry } from '../../helpers/push-registry.ts';
import { scripted } from '../../helpers/registry-context.ts';
import { TokenGuard } from '../../helpers/registry-tokens.ts';

const composed = composeImage({ files: [{ path: 'data', content: noise('data', 40_000) }] });
const image = lockComposed('docker.io/demisto/sample:1', composed);
const blobs = blobBytes([composed]);
const [layer] = image.layers;
if (layer === undefined) throw new Error('no layer');
const layerSize = layer.size;

const pieceSize = 16_000;

interface Bench {
  readonly registry: PushRegistry;
  readonly target: ImageTarget;
  readonly source: ImageSource & { readonly opened: readonly string[] };
  readonly events: readonly Event[];
}

function targetAt(t: ExecutionContext, host: string, options: RegistryTargetOptions = {}): ImageTarget {
  const target = openRegistryTarget(host, { pieceSize, retries: 2, retryDelay: 1, ...options });
  t.teardown(() => target.close());
  return target;
}

async function bench(
  t: ExecutionContext,
  mischief?: Mischief,
  options: RegistryTargetOptions = {},
): Promise<Bench> {
  const registry = await pushRegistry(t, mischief);
  const events: Event[] = [];
  const target = targetAt(t, registry.host, { emit: (event) => events.push(event), ...options });
  return { registry, target, source: memorySource(blobs), events };
}

/** Everything is there afterwards, byte for byte, and no upload is left open. */
async function arrives(t: ExecutionContext, { registry, target, source }: Bench): Promise<void> {
  await target.deliver(image, source);
  t.deepEqual(await target.confirm(image), { confirmed: true, id: image.manifest.digest });
  t.is(registry.blobs.get(`demisto/sample ${layer?.digest}`)?.length, layerSize);
  t.is(registry.uploads.size, 0, 'no upload is left open');
}

async function fails(
  t: ExecutionContext,
  { target, source }: Bench,
  code: ErrorCode,
): Promise<PackferryError> {
  const error = await t.throwsAsync(target.deliver(image, source), { instanceOf: PackferryError });
  t.is(error.code, code, error.message);
  t.true(error.message.includes(image.reference), error.message);
  return error;
}

const isLayer = (request: { readonly headers: Record<string, unknown> }): boolean =>
  Number(request.headers['content-length']) > 10_000;

test('push: a blob goes in pieces, each where the last one ended, and the place of the upload is not rebuilt', async (t) => {
  const made = await bench(t);
  await arrives(t, made);
  const ranges = made.registry.requests.flatMap(({ method, headers }) =>
    method === 'PATCH' ? [headers['content-range']] : [],
  );
  t.deepEqual(ranges, [`0-15999`, `16000-31999`, `32000-${layerSize - 1}`]);
  t.true(made.registry.seen.some((line) => /^PUT .*\?state=a%2Fb&digest=sha256:/.test(line)));
  const writes = made.registry.seen.filter((line) => /^(POST|PATCH|PUT)/.test(line));
  t.regex(writes.at(-1) ?? '', /^PUT \/v2\/demisto\/sample\/manifests\/1$/, 'the manifest is last');
});

test('push: a cut in the middle of a piece goes on from the byte that the registry has', async (t) => {
  const made = await bench(t, (request, registry) =>
    request.method === 'PATCH' && request.before === 1 ? registry.takeAndCut(request, 7000) : false,
  );
  await arrives(t, made);
  const manifestless = layerSize + image.config.size;
  t.is(made.registry.received, manifestless, 'no byte was sent twice');
  t.is(made.source.opened.filter((digest) => digest === layer.digest).length, 1);
});

test('push: a piece that came whole although its answer was lost is not sent again', async (t) => {
  const made = await bench(t, (request, registry) =>
    request.method === 'PATCH' && request.before === 0 ? registry.takeAndCut(request, 16_000) : false,
  );
  await arrives(t, made);
  t.is(made.registry.received, layerSize + image.config.size);
});

test('push: an upload that the registry has forgotten is begun anew from the first byte', async (t) => {
  const made = await bench(t, (request, registry) => {
    if (request.method !== 'PATCH' || request.before !== 1) return false;
    registry.uploads.clear();
    request.response.destroy();
    return true;
  });
  await arrives(t, made);
  t.is(made.source.opened.filter((digest) => digest === layer.digest).length, 2);
});

test('push: 416 makes it ask how far the registry came', async (t) => {
  const made = await bench(t, ({ method, before, response }) => {
    if (method !== 'PATCH' || before !== 1) return false;
    response.writeHead(416).end();
    return true;
  });
  await arrives(t, made);
  t.is(made.registry.count('GET', 'uploads'), 1);
});

test('push: a registry that never takes more of a piece is given up, and the upload is deleted', async (t) => {
  const made = await bench(t, ({ method, before, response }) => {
    if (method !== 'PATCH' || before === 0) return false;
    response.writeHead(503).end();
    return true;
  });
  const error = await fails(t, made, 'E_TARGET_UNREACHABLE');
  t.regex(error.hint ?? '', /run the same command again/);
  t.is(made.registry.uploads.size, 0);
  t.is(made.registry.count('PUT', 'manifests'), 0, 'no manifest without its blobs');
});

test('push: a closing request that broke after the registry had taken the blob is not repeated', async (t) => {
  let closed = 0;
  const made = await bench(t, (request, registry) => {
    if (request.method !== 'PUT' || isLayer(request) || !request.url.searchParams.has('digest')) return false;
    if (request.url.searchParams.get('digest') !== layer.digest) return false;
    closed += 1;
    const id = request.url.pathname.split('/').at(-1) ?? '';
    registry.blobs.set(`demisto/sample ${layer.digest}`, registry.uploads.get(id) ?? Buffer.alloc(0));
    registry.uploads.delete(id);
    request.response.destroy();
    return true;
  });
  await arrives(t, made);
  t.is(closed, 1);
});

test('push: a registry that calls a blob by another digest is not believed', async (t) => {
  const made = await bench(t, ({ method, url, response }) => {
    if (method !== 'PUT' || url.searchParams.get('digest') !== layer.digest) return false;
    response.writeHead(201, { 'docker-content-digest': `sha256:${'0'.repeat(64)}` }).end();
    return true;
  });
  await fails(t, made, 'E_NOT_CONFIRMED');
});

test('push: a registry that makes another manifest of it is found out', async (t) => {
  const made = await bench(t, ({ method, url, response }) => {
    if (method !== 'PUT' || !url.pathname.includes('/manifests/')) return false;
    response.writeHead(201, { 'docker-content-digest': `sha256:${'0'.repeat(64)}` }).end();
    return true;
  });
  await fails(t, made, 'E_NOT_CONFIRMED');
});

test('push: a manifest that is dropped in silence is found out', async (t) => {
  const made = await bench(t, ({ method, url, response }) => {
    if (method !== 'PUT' || !url.pathname.includes('/manifests/')) return false;
    response.writeHead(201).end();
    return true;
  });
  await made.target.deliver(image, made.source);
  t.like(await made.target.confirm(image), { confirmed: false });
});

test('push: content that differs from its digest is never closed', async (t) => {
  const made = await bench(t);
  const wrong = new Map(blobs).set(layer.digest, Buffer.alloc(layerSize, 7));
  const source = memorySource(wrong);
  await fails(t, { ...made, source }, 'E_DIGEST_MISMATCH');
  t.is(made.registry.blobs.has(`demisto/sample ${layer.digest}`), false);
  t.is(
    made.registry.seen.some((line) => line.startsWith('PUT') && line.includes(layer.digest)),
    false,
  );
  t.is(made.registry.uploads.size, 0);
});

test('push: a mount that is refused with an upload goes on as an upload', async (t) => {
  const made = await bench(t);
  await arrives(t, made);
  const other: LockedImage = { ...image, reference: 'docker.io/demisto/other:1' };
  const before = made.registry.received;
  t.is(
    (await made.target.deliver(other, made.source)).bytesSent,
    layerSize + image.config.size + image.manifest.size,
  );
  t.is(made.registry.received - before, layerSize + image.config.size);
  t.is(made.registry.count('POST', `mount=${layer.digest}&from=demisto/sample`), 1);
  t.deepEqual(await made.target.confirm(other), { confirmed: true, id: image.manifest.digest });
});

test('push: a mount that is denied is done without', async (t) => {
  const made = await bench(t, ({ method, url, response }) => {
    if (method !== 'POST' || !url.searchParams.has('mount')) return false;
    response.writeHead(403).end();
    return true;
  });
  await arrives(t, made);
  const other: LockedImage = { ...image, reference: 'docker.io/demisto/other:1' };
  await made.target.deliver(other, made.source);
  t.deepEqual(await made.target.confirm(other), { confirmed: true, id: image.manifest.digest });
});

test('push: a registry that takes no manifests of Docker’s own kind is told as such, with what to set there', async (t) => {
  const made = await bench(t, ({ method, url, headers, response }) => {
    if (method !== 'PUT' || !url.pathname.includes('/manifests/')) return false;
    if (headers['content-type'] !== image.manifest.mediaType) return false;
    response.writeHead(415).end('{"errors":[{"code":"MANIFEST_INVALID","message":"manifest invalid"}]}');
    return true;
  });
  t.is(image.manifest.mediaType, 'application/vnd.docker.distribution.manifest.v2+json');
  const error = await t.throwsAsync(made.target.deliver(image, made.source), { instanceOf: PackferryError });
  t.is(error.code, 'E_TARGET_UNWRITABLE');
  t.regex(error.message, /demisto\/sample:1.*415.*takes no manifests of Docker's own kind/);
  t.regex(error.hint ?? '', /"compat": \["docker2s2"\]/);
});

test('push: an upload that goes on at another host is not shown the account', async (t) => {
  const elsewhere = await pushRegistry(t);
  elsewhere.uploads.set('there', Buffer.alloc(0));
  const find = () =>
    Promise.resolve({ kind: 'password', username: 'u', password: 'secret', from: 'here' } as const);
  const made = await bench(
    t,
    (request, registry) => {
      const { method, headers, response } = request;
      if (headers.authorization === undefined) {
        response.writeHead(401, { 'www-authenticate': 'Basic realm="r"' }).end();
        return true;
      }
      if (method !== 'POST' || registry.count('POST') > 2) return false;
      response
        .writeHead(202, { location: `http://${elsewhere.host}/v2/demisto/sample/blobs/uploads/there` })
        .end();
      return true;
    },
    { credentials: { find } },
  );
  const small: LockedImage = { ...image, layers: [] };
  await made.target.deliver(small, made.source);
  t.is(elsewhere.blobs.size, 1);
  t.true(elsewhere.requests.every(({ headers }) => headers.authorization === undefined));
});

test('push: a piece that is too large for a proxy on the way is sent in smaller ones', async (t) => {
  const large = composeImage({ files: [{ path: 'large', content: noise('large', 3 * 1024 * 1024) }] });
  const locked = lockComposed('docker.io/demisto/large:1', large);
  const most = 1024 * 1024;
  const made = await bench(
    t,
    ({ headers, response }) => {
      if (Number(headers['content-length'] ?? 0) <= most) return false;
      response.writeHead(413).end();
      return true;
    },
    { pieceSize: 2 * most },
  );
  await made.target.deliver(locked, memorySource(blobBytes([large])));
  t.deepEqual(await made.target.confirm(locked), { confirmed: true, id: locked.manifest.digest });
  t.is(made.registry.uploads.size, 0);
});

test('push: pieces are as large as the registry wants them at least', async (t) => {
  const made = await bench(t, ({ method, url, response }, registry) => {
    if (method !== 'POST') return false;
    registry.uploads.set('least', Buffer.alloc(0));
    response.writeHead(202, { location: `${url.pathname}least`, 'oci-chunk-min-length': '30000' }).end();
    return true;
  });
  const bare: LockedImage = { ...image, config: layer, layers: [] };
  await made.target.deliver(bare, made.source);
  t.is(made.registry.requests.find(({ method }) => method === 'PATCH')?.headers['content-range'], '0-29999');
});

const refused = test.macro({
  async exec(t, status: number, body: string, code: ErrorCode, hint: RegExp) {
    const made = await bench(t, ({ method, response }) => {
      if (method !== 'POST') return false;
      response.writeHead(status, { 'content-type': 'application/json' }).end(body);
      return true;
    });
    const error = await fails(t, made, code);
    t.regex(error.hint ?? '', hint);
  },
  title: (title) => `push: ${title ?? ''}`,
});

test(
  '401 is told with a hint on the log-in',
  refused,
  401,
  '',
  'E_TARGET_DENIED',
  /Log in with an account that may push there/,
);
test(
  '403 asks for an account that may push',
  refused,
  403,
  '',
  'E_TARGET_DENIED',
  /may push there: packferry login/,
);
test('404 asks for the repository to be made', refused, 404, '', 'E_TARGET_UNWRITABLE', /made there first/);
test(
  '405 is a registry that only gives',
  refused,
  405,
  '',
  'E_TARGET_UNWRITABLE',
  /only gives images and takes none/,
);
test('413 is a proxy in between', refused, 413, '', 'E_TARGET_UNWRITABLE', /client_max_body_size/);
test('507 is a full disk', refused, 507, '', 'E_TARGET_UNWRITABLE', /Make room/);
test(
  'a full disk that is told in words',
  refused,
  500,
  '{"errors":[{"code":"UNKNOWN","message":"write /x: no space left on device"}]}',
  'E_TARGET_UNWRITABLE',
  /Make room/,
);
test(
  'a redirect of an upload is not followed',
  refused,
  301,
  '',
  'E_TARGET_PROTOCOL',
  /leads elsewhere|container registry/,
);

test('push: a registry that asks for patience gets it, and the piece is sent once more', async (t) => {
  let asked = 0;
  const made = await bench(t, ({ method, before, response }) => {
    if (method !== 'PATCH' || before !== 1) return false;
    asked = performance.now();
    response.writeHead(429, { 'retry-after': '1' }).end();
    return true;
  });
  await arrives(t, made);
  t.true(performance.now() - asked >= 990);
});

test('push: a wait that is longer than allowed ends it at once, and says so', async (t) => {
  const made = await bench(
    t,
    ({ method, response }) => {
      if (method !== 'PATCH') return false;
      response.writeHead(429, { 'retry-after': '3600' }).end();
      return true;
    },
    { maxWait: 1000 },
  );
  const error = await fails(t, made, 'E_TARGET_UNREACHABLE');
  t.regex(error.hint ?? '', /--max-wait/);
});

test('push: a token that ends in the middle of an upload is got anew, for pulling and pushing', async (t) => {
  const registry = await pushRegistry(t);
  const guard = new TokenGuard();
  let patches = 0;
  const front = await pushRegistry(t, async (request) => {
    const { method, url, headers, message, response } = request;
    if (url.pathname.startsWith('/token')) {
      await guard.script(() => undefined)(
        {
          method,
          path: `${url.pathname}${url.search}`,
          authorization: headers.authorization,
          headers,
          body: '',
          certificate: undefined,
        },
        response,
        [],
      );
      return true;
    }
    if (method === 'PATCH' && (patches += 1) === 2) guard.revoke();
    const script = guard.script(async () => {
      await registry.answer(message, response);
    });
    await script(
      {
        method,
        path: url.pathname,
        authorization: headers.authorization,
        headers,
        body: '',
        certificate: undefined,
      },
      response,
      [],
    );
    return true;
  });
  const target = targetAt(t, front.host);
  await target.deliver(image, memorySource(blobs));
  t.deepEqual(await target.confirm(image), { confirmed: true, id: image.manifest.digest });
  t.true(guard.asked.length >= 2);
  for (const asked of guard.asked) t.is(asked.get('scope'), 'repository:demisto/sample:pull,push');
});

test('push: stopped in the middle, the upload is deleted and the reason told', async (t) => {
  const stop = new AbortController();
  const made = await bench(t, async ({ method, before, message }) => {
    if (method !== 'PATCH' || before !== 1) return false;
    message.resume();
    stop.abort();
    await new Promise((resolve) => message.once('close', resolve));
    return true;
  });
  const error = await t.throwsAsync(made.target.deliver(image, made.source, { signal: stop.signal }));
  t.is(error instanceof PackferryError && error.code, 'E_INTERRUPTED', String(error));
  t.is(made.registry.uploads.size, 0);
});

test('push: a server that is no registry is told as such', async (t) => {
  const server = await scripted(t, (_request, response) => void response.writeHead(418).end());
  const target = targetAt(t, server.host);
  await t.throwsAsync(target.survey([image]), { code: 'E_TARGET_PROTOCOL' });
});
