import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { ExecutionContext } from 'ava';
import type { Event } from '../../src/core/events.ts';
import { openMarketplace, type Marketplace } from '../../src/pack/marketplace/marketplace.ts';
import type { MarketplaceOptions } from '../../src/pack/marketplace/options.ts';
import { folderWith } from './pack-folder.ts';
import { zipOf, type ZipMember } from './marketplace-zip.ts';

/** A pack in a marketplace, as its `metadata.json` tells; what is not given is not in there. */
export interface FakePack {
  readonly id: string;
  readonly name?: string;
  readonly currentVersion?: string | null;
  readonly dependencies?: Readonly<Record<string, unknown>> | null;
  readonly hidden?: boolean | null;
  readonly deprecated?: boolean;
}

/** The member of `index.zip` that describes a pack. */
export function indexed(pack: FakePack): ZipMember {
  return {
    name: `index/${pack.id}/metadata.json`,
    content: JSON.stringify({ currentVersion: '1.0.0', ...pack }),
  };
}

/** An `index.zip` with these packs and further members. */
export function indexOf(packs: readonly FakePack[], more: readonly ZipMember[] = []): Buffer {
  return zipOf([{ name: 'index/', content: '', stored: true }, ...packs.map(indexed), ...more]);
}

/** The zip of a pack, which may tell an id and a version that are not its own. */
export function packZip(pack: FakePack): Buffer {
  return zipOf([
    { name: 'metadata.json', content: JSON.stringify({ currentVersion: '1.0.0', ...pack }) },
    { name: 'README.md', content: 'Hello', stored: true },
    { name: 'Scripts/script-Ferry.yml', content: 'name: Ferry\nscript: ""\n'.repeat(50) },
  ]);
}

/** Answers one request instead of the files; returns false to leave it to them. */
export type Answerer = (request: IncomingMessage, response: ServerResponse, before: number) => boolean;

export interface MarketplaceServer {
  /** The address that the files lie below. */
  readonly url: string;
  /** `METHOD path` of every request, in order. */
  readonly seen: readonly string[];
  /** By path below `url`. May be changed while it runs. */
  readonly files: Map<string, Buffer>;
  readonly origin: string;
}

/** A server of files, with entity tags, on a free loopback port; gone when the test ends. */
export async function serveFiles(
  t: ExecutionContext,
  content: Readonly<Record<string, Buffer>>,
  instead: Answerer = () => false,
): Promise<MarketplaceServer> {
  const files = new Map(Object.entries(content));
  const seen: string[] = [];
  const server = createServer((request, response) => {
    const line = `${request.method ?? ''} ${request.url ?? ''}`;
    const before = seen.filter((one) => one === line).length;
    seen.push(line);
    if (!instead(request, response, before)) answer(files, request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(async () => {
    await new Promise<void>((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  const origin = `http://127.0.0.1:${address.port}`;
  return { url: `${origin}/content/packs`, origin, seen, files };
}

function answer(
  files: ReadonlyMap<string, Buffer>,
  request: IncomingMessage,
  response: ServerResponse,
): void {
  const file = files.get(request.url?.replace('/content/packs/', '') ?? '');
  if (file === undefined) {
    response
      .writeHead(404, { 'content-type': 'application/xml' })
      .end('<Error><Code>NoSuchKey</Code></Error>');
    return;
  }
  const etag = `"${createHash('md5').update(file).digest('hex')}"`;
  if (request.headers['if-none-match'] === etag) {
    response.writeHead(304, { etag }).end();
    return;
  }
  response.writeHead(200, { etag, 'content-length': file.length });
  response.end(request.method === 'HEAD' ? undefined : file);
}

/** A marketplace, what it told, and where it keeps things; closed when the test ends. */
export interface Opened {
  readonly marketplace: Marketplace;
  readonly events: readonly Event[];
  readonly cacheDir: string;
}

/** Opens the marketplace of a server; without further options it repeats nothing. */
export async function openFrom(
  t: ExecutionContext,
  server: Pick<MarketplaceServer, 'url'>,
  options: Partial<MarketplaceOptions> = {},
): Promise<Opened> {
  const events: Event[] = [];
  const cacheDir = options.cacheDir ?? (await folderWith(t, {}));
  const marketplace = await openMarketplace({
    baseUrl: server.url,
    retries: 0,
    retryDelay: 1,
    emit: (event) => events.push(event),
    ...options,
    cacheDir,
  });
  t.teardown(() => marketplace.close());
  return { marketplace, events, cacheDir };
}
