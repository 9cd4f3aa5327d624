import type { ExecutionContext } from 'ava';
import type { Event } from '../../src/core/events.ts';
import { parseReference } from '../../src/core/reference.ts';
import type { ManifestImage, ManifestOrigin } from '../../src/flows/manifest.ts';
import { openManifestSource, type ManifestSource } from '../../src/flows/origins.ts';
import { parseSource } from '../../src/flows/source-endpoint.ts';
import type { SourcesOptions } from '../../src/flows/sources.ts';
import { openRegistrySource } from '../../src/registry/source.ts';
import { parseAllowedSigners } from '../../src/trust/allowed-signers.ts';

const place = { line: 1, column: 1 };

/** An image of a manifest with the places that it comes from. */
export function imageFrom(reference: string, ...from: readonly string[]): ManifestImage {
  const origin = from.length === 0 ? {} : { from: from.map((url) => parseSource(url, (path) => path)) };
  return { reference: parseReference(reference), file: 'm.yml', ...place, ...origin };
}

/** A pattern of a manifest with the places that its images come from. */
export function patternFrom(pattern: string, ...from: readonly string[]): ManifestOrigin {
  return { pattern, from: from.map((url) => parseSource(url, (path) => path)), ...place };
}

export interface OpenedManifestSource {
  readonly source: ManifestSource;
  readonly events: readonly Event[];
  /** Of the notes, level and message. */
  readonly notes: () => string[];
}

/** The source of a manifest with these images and patterns, closed when the test ends. Registries are asked once. */
export function manifestSource(
  t: ExecutionContext,
  entries: readonly (ManifestImage | ManifestOrigin)[],
  options: Partial<SourcesOptions> = {},
): OpenedManifestSource {
  const events: Event[] = [];
  const registries = openRegistrySource({ retries: 0, retryDelay: 1 });
  const images = entries.flatMap((entry) => ('reference' in entry ? [entry] : []));
  const origins = entries.flatMap((entry) => ('pattern' in entry ? [entry] : []));
  const source = openManifestSource(
    { images, origins },
    {
      registries,
      environment: {},
      spoolDir: '/nonexistent',
      trustedKeys: () => Promise.resolve(parseAllowedSigners(Buffer.from(''), 'no keys')),
      now: new Date('2026-11-23T05:00:00Z'),
      emit: (event) => void events.push(event),
      signal: new AbortController().signal,
      ...options,
    },
  );
  t.teardown(async () => {
    await source.close();
    await registries.close();
  });
  const notes = (): string[] =>
    events.flatMap((event) => (event.type === 'note' ? [`${event.level}: ${event.message}`] : []));
  return { source, events, notes };
}
