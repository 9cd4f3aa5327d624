import type { ExecutionContext } from 'ava';
import { PackferryError, type ErrorCode } from '../../src/core/errors.ts';
import type { LockedImage } from '../../src/core/image.ts';
import type { Platform } from '../../src/core/platform.ts';
import type { ImageSource } from '../../src/core/ports.ts';
import { parseReference } from '../../src/core/reference.ts';
import type { ServedContent } from '../../src/core/served.ts';
import type { RegistrySourceOptions } from '../../src/registry/options.ts';
import { serveContent } from '../../src/registry/server.ts';
import { openRegistrySource } from '../../src/registry/source.ts';
import { startScripted, type Script, type ScriptedServer } from './registry-scripted.ts';
import type { Certificate } from './registry-certificate.ts';

export const amd64: Platform = { os: 'linux', architecture: 'amd64' };

/** A source that gives up at once unless told otherwise, closed when the test ends. */
export function sourceFor(t: ExecutionContext, options: RegistrySourceOptions = {}): ImageSource {
  const source = openRegistrySource({ retries: 0, retryDelay: 1, ...options });
  t.teardown(async () => source.close());
  return source;
}

/** A scripted server, closed when the test ends. */
export async function scripted(
  t: ExecutionContext,
  script: Script,
  certificate?: Certificate,
): Promise<ScriptedServer> {
  const server = await startScripted(script, certificate);
  t.teardown(async () => server.close());
  return server;
}

/** Resolves `a/b` with the given tag or digest from a registry with this content. */
export async function resolveFrom(
  t: ExecutionContext,
  content: ServedContent,
  { tag = ':1', platform = amd64 } = {},
): Promise<LockedImage> {
  const server = await serveContent(content, { host: '127.0.0.1', port: 0 });
  t.teardown(async () => server.close());
  return sourceFor(t).resolve(parseReference(`${server.host}/a/b${tag}`), platform);
}

/** The PackferryError that `work` ends in. */
export async function failure(
  t: ExecutionContext,
  code: ErrorCode,
  work: () => Promise<unknown>,
): Promise<PackferryError> {
  const error = await t.throwsAsync(work, { instanceOf: PackferryError });
  t.is(error.code, code, error.message);
  return error;
}
