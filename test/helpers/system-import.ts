import { request } from 'node:http';
import { json } from 'node:stream/consumers';
import type { ExecutionContext } from 'ava';
import * as z from 'zod';
import type { LockedImage } from '../../src/core/image.ts';
import { parseReference, tagNameOf } from '../../src/core/reference.ts';
import { importReport, type ImportedImage } from '../../src/schema/reports.ts';
import { runCli, type Ran, type RunOptions } from './cli-run.ts';
import type { ImportSite, MadeBundle } from './import-site.ts';
import type { EngineKind } from './system-engine-kinds.ts';
import { savedLayers, type EngineBench } from './system-engines.ts';

/** `docker:unix://PATH` or `podman:unix://PATH`, as the engine's own kind has it. */
export function endpointOf({ product }: EngineKind, socket: string): string {
  return `${product}:unix://${socket}`;
}

export interface Imported extends Ran {
  readonly images: readonly ImportedImage[];
  /** Bytes of blobs that were sent, as the report has it. */
  readonly sent: number;
}

/** Imports by the command line, which has to end with this status and a report. */
export async function importBundleInto(
  t: ExecutionContext,
  { trusted }: ImportSite,
  { dir }: MadeBundle,
  endpoint: string,
  { more = [], status = 0, ...options }: RunOptions & { more?: readonly string[]; status?: number } = {},
): Promise<Imported> {
  const args = ['import', dir, '--to', endpoint, '--trusted-keys', trusted, '--json', ...more];
  const ran = await runCli(args, options);
  t.is(ran.status, status, ran.stderr + ran.stdout);
  const { targets } = importReport.parse(JSON.parse(ran.stdout));
  const images = targets.flatMap((target) => target.images);
  return { ...ran, images, sent: images.reduce((sum, { bytesSent }) => sum + bytesSent, 0) };
}

/** The same, for one that is refused before anything is sent. */
export function importRefused(
  { trusted }: ImportSite,
  { dir }: MadeBundle,
  endpoint: string,
  { more = [], ...options }: RunOptions & { more?: readonly string[] } = {},
): Promise<Ran> {
  const args = ['import', dir, '--to', endpoint, '--trusted-keys', trusted, ...more];
  return runCli(args, options);
}

/**
 * The engine has these images and no other names: each with the ID and the layers that it is to have, and what the engine
 * gives out under the name is whole. Images without a tag are asked for by their ID.
 */
export async function assertHolds(
  t: ExecutionContext,
  bench: EngineBench,
  images: readonly LockedImage[],
): Promise<void> {
  const { kind, engine, target } = bench;
  const names = images.flatMap(({ reference }) => tagNameOf(parseReference(reference)) ?? []);
  const expected = kind.product === 'podman' ? names : names.map((name) => name.replace(/^docker\.io\//, ''));
  t.deepEqual(await namesIn(engine.socket), [...new Set(expected)].sort());
  for (const image of images) {
    const answer = await target.confirm(image);
    t.deepEqual(answer, { confirmed: true, id: image[kind.idOf].digest }, image.reference);
    if (tagNameOf(parseReference(image.reference)) === undefined) continue;
    const diffIds = image.layers.map(({ diffId }) => diffId);
    t.deepEqual(await savedLayers(bench, image), diffIds, image.reference);
  }
}

/** All names of images, in the engine's own spelling. */
async function namesIn(socket: string): Promise<string[]> {
  const list = z.array(z.object({ RepoTags: z.array(z.string()).nullish() }));
  const names = list.parse(await askEngine(socket, '/images/json')).flatMap(({ RepoTags }) => RepoTags ?? []);
  return names.filter((name) => name !== '<none>:<none>').sort();
}

function askEngine(socketPath: string, path: string): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const asked = request({ socketPath, path, agent: false }, (answer) => {
      json(answer).then(resolve, reject);
    });
    asked.once('error', reject);
    asked.end();
  });
}
