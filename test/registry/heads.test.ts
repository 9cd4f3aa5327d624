import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { collect } from '../../src/core/collect.ts';
import { mediaTypes } from '../../src/core/media-types.ts';
import type { ImageSource } from '../../src/core/ports.ts';
import { parseReference } from '../../src/core/reference.ts';
import type { RegistrySourceOptions } from '../../src/registry/options.ts';
import { openRegistrySource, type PullCounts } from '../../src/registry/source.ts';
import { withFolder } from '../helpers/bundle-fixture.ts';
import { amd64, failure, scripted } from '../helpers/registry-context.ts';
import { MemoryContent, sampleImage, sampleIndex } from '../helpers/registry-images.ts';
import { refuse, serveFrom, type Script, type ScriptedServer } from '../helpers/registry-scripted.ts';

const image = sampleImage();
const other = sampleImage({ seed: 'other' });
const stranger = sampleImage({ seed: 'stranger' });
const index = sampleIndex([{ of: image.manifest, platform: amd64 }]);
const { digest } = image.manifest.descriptor;

function freshContent(): MemoryContent {
  return new MemoryContent().image('a/b', '1', image).tag('a/b', 'index', index);
}

interface Runs {
  readonly server: ScriptedServer;
  readonly folder: string;
  /** Uses a new source, as a new run does; what is asked of the registry meanwhile is returned as `METHOD kind/reference`. */
  readonly run: (
    use: (source: ImageSource & PullCounts) => Promise<unknown>,
    options?: RegistrySourceOptions,
  ) => Promise<string[]>;
  readonly reference: (rest: string) => ReturnType<typeof parseReference>;
}

/** Runs that share a folder of documents, with a registry that does what `script` says, or is a good one. */
async function withRuns(
  t: ExecutionContext,
  content: MemoryContent,
  use: (runs: Runs) => Promise<void>,
  script?: (...of: Parameters<Script>) => boolean,
  isFirst = false,
): Promise<void> {
  const server = await scripted(t, async (request, response, before) => {
    if (script?.(request, response, before) !== true) await serveFrom(content, request, response);
  });
  await withFolder(async (folder) => {
    const documentFolder = path.join(folder, 'documents');
    if (!isFirst) {
      // What an earlier run left of some other image.
      await mkdir(documentFolder);
      const [descriptor, bytes] = [stranger.manifest.descriptor, stranger.manifest.bytes];
      const content = Buffer.concat([Buffer.from(`${descriptor.mediaType}\n`), bytes]);
      await writeFile(path.join(documentFolder, descriptor.digest.slice('sha256:'.length)), content);
    }
    const run: Runs['run'] = async (work, options = {}) => {
      const before = server.seen.length;
      const source = openRegistrySource({ retries: 0, retryDelay: 1, documentFolder, ...options });
      try {
        await work(source);
      } finally {
        await source.close();
      }
      return server.seen
        .slice(before)
        .map(({ method, path: asked }) => `${method} ${asked.split('/').slice(-2).join('/')}`);
    };
    await use({
      server,
      folder: documentFolder,
      run,
      reference: (rest) => parseReference(`${server.host}/a/b${rest}`),
    });
  });
}

const configOf = (of: typeof image): string => {
  const manifest = JSON.parse(of.manifest.bytes.toString()) as { config: { digest: string } };
  return manifest.config.digest;
};
const fetched = [`GET manifests/1`, `GET blobs/${configOf(image)}`];

test('heads: what an earlier run has read is not fetched again, and is the same image', async (t) => {
  await withRuns(t, freshContent(), async ({ run, reference, server }) => {
    const locked: unknown[] = [];
    const resolve = async (source: ImageSource & PullCounts): Promise<void> => {
      locked.push(await source.resolve(reference(':index'), amd64));
      const [count] = source.pullCounts();
      t.is(count?.manifests, locked.length === 1 ? 2 : 0);
      t.is(count?.pending, 0, 'whatever was fetched is kept');
    };
    t.deepEqual(await run(resolve), [
      'HEAD manifests/index',
      'GET manifests/index',
      `GET manifests/${digest}`,
      `GET blobs/${configOf(image)}`,
    ]);
    t.deepEqual(await run(resolve), ['HEAD manifests/index']);
    t.deepEqual(locked[1], locked[0]);
    t.true(
      server.seen
        .filter(({ path: asked }) => asked.endsWith('/index'))
        .every(({ headers }) => headers.accept?.includes(mediaTypes.dockerList)),
      'HEAD and GET ask for the same types',
    );
  });
});

test('heads: without a folder registries are asked by GET only', async (t) => {
  await withRuns(t, freshContent(), async ({ run, reference }) => {
    const asked = await run((source) => source.resolve(reference(':1'), amd64), {
      documentFolder: undefined,
    });
    t.deepEqual(asked, fetched);
  });
});

test('heads: the first run on a machine asks by GET; what it has fetched is asked for by HEAD from then on', async (t) => {
  const use = async ({ run, reference }: Runs): Promise<void> => {
    const twice = await run(async (source) => {
      await source.resolve(reference(':1'), amd64);
      await source.resolve(reference(':1'), amd64);
    });
    t.deepEqual(twice, [...fetched, 'HEAD manifests/1']);
    t.deepEqual(await run((source) => source.resolve(reference(':1'), amd64)), ['HEAD manifests/1']);
  };
  await withRuns(t, freshContent(), use, undefined, true);
});

test('heads: a tag that moved is fetched', async (t) => {
  const content = freshContent();
  await withRuns(t, content, async ({ run, reference }) => {
    await run((source) => source.resolve(reference(':1'), amd64));
    content.image('a/b', '1', other);
    const asked = await run(async (source) => {
      const { manifest } = await source.resolve(reference(':1'), amd64);
      t.is(manifest.digest, other.manifest.descriptor.digest);
    });
    t.deepEqual(asked, ['HEAD manifests/1', 'GET manifests/1', `GET blobs/${configOf(other)}`]);
  });
});

test('heads: a digest that is known is asked for by HEAD only; gone from the registry is gone', async (t) => {
  const content = freshContent();
  let isGone = false;
  await withRuns(
    t,
    content,
    async ({ run, reference }) => {
      await run((source) => source.resolve(reference(':1'), amd64));
      t.deepEqual(await run((source) => source.resolve(reference(`@${digest}`), amd64)), [
        `HEAD manifests/${digest}`,
      ]);
      isGone = true;
      await run((source) =>
        failure(t, 'E_IMAGE_NOT_FOUND', () => source.resolve(reference(`@${digest}`), amd64)),
      );
    },
    (_request, response) => {
      if (isGone) refuse(response, 404, 'MANIFEST_UNKNOWN');
      return isGone;
    },
  );
});

test('heads: who has lost access is refused, whatever the folder holds', async (t) => {
  let isLost = false;
  await withRuns(
    t,
    freshContent(),
    async ({ run, reference }) => {
      await run((source) => source.resolve(reference(':1'), amd64));
      isLost = true;
      for (const rest of [':1', `@${digest}`]) {
        await run((source) => failure(t, 'E_SOURCE_DENIED', () => source.resolve(reference(rest), amd64)));
      }
    },
    (_request, response) => {
      if (isLost) refuse(response, 403, 'DENIED');
      return isLost;
    },
  );
});

test('heads: a damaged file is fetched anew and replaced', async (t) => {
  await withRuns(t, freshContent(), async ({ run, reference, folder }) => {
    const resolve = (source: ImageSource): Promise<unknown> => source.resolve(reference(':1'), amd64);
    await run(resolve);
    for (const name of await readdir(folder)) {
      const content = await readFile(path.join(folder, name));
      await writeFile(path.join(folder, name), content.toString().replace('sha256:', 'sha256;'));
    }
    t.deepEqual(await run(resolve), ['HEAD manifests/1', ...fetched]);
    t.deepEqual(await run(resolve), ['HEAD manifests/1']);
  });
});

test('heads: manifest and config are opened from the folder; what is not there is fetched', async (t) => {
  await withRuns(t, freshContent(), async ({ run, reference }) => {
    const locked = await new Promise<Awaited<ReturnType<ImageSource['resolve']>>>((resolve, reject) => {
      run(async (source) => resolve(await source.resolve(reference(':1'), amd64))).catch(reject);
    });
    const open = async (source: ImageSource): Promise<void> => {
      const read = async (blob: typeof locked.config): Promise<Buffer> =>
        collect(await source.openBlob(locked, blob), 1_000_000, 'blob');
      t.true((await read(locked.manifest)).equals(image.manifest.bytes));
      t.true((await read(locked.config)).equals(image.blobs[0] ?? Buffer.alloc(0)));
    };
    t.deepEqual(await run(open), []);
    t.is((await run(open, { documentFolder: undefined })).length, 2);
  });
});

test('heads: a folder that cannot be written costs pulls, nothing else', async (t) => {
  const use = async ({ run, reference, folder }: Runs): Promise<void> => {
    await writeFile(folder, 'a file in its place');
    const messages: string[] = [];
    const resolve = async (source: ImageSource & PullCounts): Promise<void> => {
      await source.resolve(reference(':index'), amd64);
      t.is(source.pullCounts()[0]?.pending, 2, 'the next run needs them again');
    };
    const emit: RegistrySourceOptions['emit'] = (event) => {
      if (event.type === 'note') messages.push(event.message);
    };
    t.is((await run(resolve, { emit })).length, 3);
    t.is((await run(resolve)).length, 3);
    t.is(messages.length, 1);
  };
  await withRuns(t, freshContent(), use, undefined, true);
});

/** How registries and what stands before them answer a HEAD, so that only a GET can tell. */
const odd: Readonly<Record<string, Script>> = {
  '405': (_request, response) => refuse(response, 405, 'UNSUPPORTED'),
  '404 for what a GET finds': (_request, response) => refuse(response, 404, 'MANIFEST_UNKNOWN'),
  '401 for what a GET may read': (_request, response) => refuse(response, 401, 'UNAUTHORIZED'),
  '500': (_request, response) => refuse(response, 500, 'UNKNOWN'),
  'no digest': (_request, response) => void response.writeHead(200).end(),
  'a digest that is none': (_request, response) =>
    void response.writeHead(200, { 'docker-content-digest': 'sha256:abc' }).end(),
  'a cut connection': (_request, response) => void response.destroy(),
};
for (const [title, script] of Object.entries(odd)) {
  test(`heads: a GET decides where a HEAD brings nothing, and the host is not asked by HEAD again: ${title}`, async (t) => {
    const content = freshContent().image('a/b', '2', other);
    await withRuns(
      t,
      content,
      async ({ run, reference }) => {
        const asked = await run(async (source) => {
          const { manifest } = await source.resolve(reference(':1'), amd64);
          t.is(manifest.digest, digest);
          await source.resolve(reference(':2'), amd64);
        });
        t.deepEqual(asked, [
          'HEAD manifests/1',
          ...fetched,
          'GET manifests/2',
          `GET blobs/${configOf(other)}`,
        ]);
      },
      (request, response, before) => {
        if (request.method !== 'HEAD') return false;
        void script(request, response, before);
        return true;
      },
    );
  });
}

/** Answers HEADs in another way. */
function headsWith(
  headers: Readonly<Record<string, string>>,
  status = 200,
): (...of: Parameters<Script>) => boolean {
  return ({ method }, response) => {
    if (method === 'HEAD') response.writeHead(status, headers).end();
    return method === 'HEAD';
  };
}

test('heads: another digest than the one that was asked for is no answer', async (t) => {
  const lying = headsWith({ 'docker-content-digest': other.manifest.descriptor.digest });
  await withRuns(
    t,
    freshContent().image('a/b', '2', other),
    async ({ run, reference }) => {
      await run((source) => source.resolve(reference(':2'), amd64));
      await run(async (source) => {
        const { manifest } = await source.resolve(reference(`@${digest}`), amd64);
        t.is(manifest.digest, digest);
      });
    },
    lying,
  );
});

const untyped = sampleImage({ editManifest: (manifest) => delete manifest['mediaType'] });
const typed = test.macro<[of: typeof image, announced: string | undefined, expected: string]>({
  async exec(t, of, announced, expected) {
    const headers: Record<string, string> = {
      'docker-content-digest': of.manifest.descriptor.digest,
      ...(announced === undefined ? {} : { 'content-type': announced }),
    };
    await withRuns(
      t,
      new MemoryContent().image('a/b', '1', of),
      async ({ run, reference }) => {
        await run((source) => source.resolve(reference(':1'), amd64)).catch(() => undefined);
        await run(async (source) => {
          const again = source.resolve(reference(':1'), amd64);
          if (expected.startsWith('E_')) await t.throwsAsync(again, { code: expected });
          else t.is((await again).manifest.mediaType, expected);
        });
      },
      (request, response, before) => {
        // The first run sees a good registry.
        return before.some(({ method }) => method === 'GET') && headsWith(headers)(request, response, before);
      },
    );
  },
  title: (title) => `heads: the type of a manifest that is known: ${title ?? ''}`,
});
test('as the document says', typed, image, mediaTypes.ociManifest, mediaTypes.ociManifest);
test('not told by the HEAD', typed, untyped, undefined, mediaTypes.ociManifest);
test('no type of manifests in the HEAD', typed, untyped, 'application/json', mediaTypes.ociManifest);
test(
  'what it is called now counts, as in a GET',
  typed,
  untyped,
  mediaTypes.dockerManifest,
  mediaTypes.dockerManifest,
);
test('a contradiction is one as in a GET', typed, image, mediaTypes.dockerManifest, 'E_IMAGE_MALFORMED');
test('an image that is called an index', typed, untyped, mediaTypes.ociIndex, 'E_IMAGE_MALFORMED');

const usedUp = {
  'ratelimit-limit': '100;w=21600',
  'ratelimit-remaining': '0;w=21600',
  'docker-ratelimit-source': '192.0.2.7',
};

test('heads: where pulls are used up, heads still tell, and what is known is resolved', async (t) => {
  let isUsedUp = false;
  await withRuns(
    t,
    freshContent().image('a/b', '2', other),
    async ({ run, reference }) => {
      await run((source) => source.resolve(reference(':1'), amd64));
      isUsedUp = true;
      await run(async (source) => {
        await failure(t, 'E_RATE_LIMITED', () => source.resolve(reference(':2'), amd64));
        await source.resolve(reference(':1'), amd64);
        const [count] = source.pullCounts();
        t.is(count?.limit?.remaining, 0);
        t.is(count?.manifests, 0);
        t.is(count?.pending, 1, 'the one that was refused');
      });
    },
    ({ method, path: asked }, response) => {
      if (!isUsedUp || method === 'HEAD' || !asked.includes('/manifests/')) return false;
      refuse(response, 429, 'TOOMANYREQUESTS', usedUp);
      return true;
    },
  );
});

test('heads: where even these are refused, no GET follows; a digest that is known stands for itself', async (t) => {
  let isUsedUp = false;
  await withRuns(
    t,
    freshContent(),
    async ({ run, reference }) => {
      await run((source) => source.resolve(reference(':1'), amd64));
      isUsedUp = true;
      const asked = await run(async (source) => {
        await failure(t, 'E_RATE_LIMITED', () => source.resolve(reference(':1'), amd64));
        await failure(t, 'E_RATE_LIMITED', () => source.resolve(reference(':index'), amd64));
        const { manifest } = await source.resolve(reference(`@${digest}`), amd64);
        t.is(manifest.digest, digest);
      });
      t.deepEqual(asked, ['HEAD manifests/1'], 'the host is left alone after that');
    },
    (_request, response) => {
      if (isUsedUp) response.writeHead(429, usedUp).end();
      return isUsedUp;
    },
  );
});

test('heads: the limit that they announce counts, and they are no pulls', async (t) => {
  let isLimited = false;
  await withRuns(
    t,
    freshContent(),
    async ({ run, reference, server }) => {
      await run((source) => source.resolve(reference(':1'), amd64));
      isLimited = true;
      await run(async (source) => {
        await source.resolve(reference(':1'), amd64);
        t.deepEqual(source.pullCounts(), [
          {
            ...{ registry: server.host, manifests: 0, pending: 0 },
            limit: { limit: 100, remaining: 76, window: 21_600 },
          },
        ]);
      });
    },
    (_request, response) => {
      if (!isLimited) return false;
      response.setHeader('ratelimit-limit', '100;w=21600');
      response.setHeader('ratelimit-remaining', '76;w=21600');
      return false;
    },
  );
});

test('heads: an account that is refused is not shown once more by GET', async (t) => {
  await withRuns(
    t,
    freshContent(),
    async ({ run, reference }) => {
      const wrong = { kind: 'password', username: 'soc', password: 'wrong', from: 'a file' } as const;
      const credentials = { find: () => Promise.resolve(wrong) };
      const asked = await run(
        (source) => failure(t, 'E_SOURCE_DENIED', () => source.resolve(reference(':1'), amd64)),
        { credentials },
      );
      t.deepEqual(asked, ['HEAD manifests/1', 'HEAD manifests/1']);
    },
    (_request, response) => {
      response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end();
      return true;
    },
  );
});
