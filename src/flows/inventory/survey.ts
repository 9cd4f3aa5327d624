import pLimit from 'p-limit';
import { asPackferryError, PackferryError } from '../../core/errors.ts';
import type { Emit } from '../../core/events.ts';
import type { LockedImage } from '../../core/image.ts';
import { parseReference } from '../../core/reference.ts';
import { connectEngine } from '../../engine/connect-engine.ts';
import type { EngineFacts } from '../../engine/docker-facts.ts';
import { compareHeld, type Comparison } from '../../engine/held-image.ts';
import { listNames, type NamedImage } from '../../engine/inspect-all.ts';
import { inTime } from '../../engine/patience.ts';
import { sourceFault } from '../../engine/source-fault.ts';
import type { InventoryReport } from '../../schema/reports-hosts.ts';
import { answerWithin } from '../engine-endpoint.ts';
import { matchesImage } from '../exclude.ts';
import type { HostEndpoint } from '../hosts/endpoints.ts';
import { reportError } from '../report.ts';
import type { FoundEngine } from './engines.ts';

export interface SurveyOptions {
  /** Only images of which some pattern names the reference; all when empty. */
  readonly patterns: readonly string[];
  /** Images that every host is compared with. */
  readonly expected: readonly LockedImage[];
  /** Hosts that are asked at the same time. */
  readonly jobs: number;
  readonly emit: Emit;
  readonly signal: AbortSignal;
}

/** What a host has. */
export interface SurveyedHost {
  readonly host: HostEndpoint;
  readonly engine: FoundEngine;
  readonly facts: EngineFacts;
  readonly images: ReadonlyMap<string, NamedImage>;
  /** How the expected images compare, by reference. */
  readonly compared: ReadonlyMap<string, Comparison>;
}

/** A host that could not be asked. */
export interface LostHost {
  readonly host: HostEndpoint;
  readonly error: PackferryError;
}

/** Milliseconds that an engine may take to tell of all its images. */
const listWithin = 300_000;

/** Asks engines what they have, `jobs` at a time; the answers stand in the order of the engines. Throws the reason of the signal only. */
export async function surveyHosts(
  engines: readonly FoundEngine[],
  options: SurveyOptions,
): Promise<readonly (SurveyedHost | LostHost)[]> {
  const { emit, signal, jobs } = options;
  const limit = pLimit(jobs);
  const ask = async (found: FoundEngine): Promise<SurveyedHost | LostHost> => {
    const { host } = found;
    try {
      signal.throwIfAborted();
      const surveyed = await surveyHost(found, options);
      const images = surveyed.images.size;
      emit({
        type: 'note',
        level: 'info',
        message: `${host.name} has ${images} image${images === 1 ? '' : 's'}`,
      });
      return surveyed;
    } catch (fault) {
      signal.throwIfAborted();
      const error = asPackferryError(sourceFault(fault));
      return {
        host,
        error: error.message.includes(host.name) ? error : error.with(`${host.name}: ${error.message}`),
      };
    }
  };
  return Promise.all(engines.map((found) => limit(ask, found)));
}

async function surveyHost(found: FoundEngine, options: SurveyOptions): Promise<SurveyedHost> {
  const { patterns, expected, signal } = options;
  const { host } = found;
  const engine = await connectEngine(await found.connect(signal), answerWithin, signal);
  try {
    return await inTime(host.name, listWithin, signal, async (both) => {
      const isMeant = (reference: string): boolean => isNamed(reference, patterns);
      const named = await listNames(engine, both);
      const images = new Map(
        named.filter(({ reference }) => isMeant(reference)).map((one) => [one.reference, one]),
      );
      const compared = new Map<string, Comparison>();
      for (const image of expected) compared.set(image.reference, await compareHeld(engine, image, both));
      return { host, engine: found, facts: engine.facts, images, compared };
    });
  } finally {
    engine.close();
  }
}

/** Does some pattern name the image? All are meant where there is none. */
export function isNamed(reference: string, patterns: readonly string[]): boolean {
  const parsed = parseReference(reference);
  return patterns.length === 0 || patterns.some((pattern) => matchesImage(pattern, parsed));
}

export function isLost(one: SurveyedHost | LostHost): one is LostHost {
  return 'error' in one;
}

/** Hosts as reports show them. */
export function reportHosts(surveyed: readonly (SurveyedHost | LostHost)[]): InventoryReport['hosts'] {
  return surveyed.map((one) => {
    const { name, url } = one.host;
    if (isLost(one)) return { name, endpoint: url, error: reportError(one.error) };
    const { product, idOf, version } = one.facts;
    const store = product === 'podman' ? 'podman' : idOf === 'manifest' ? 'containerd' : 'classic';
    return { name, endpoint: url, engine: { product, store, ...(version === undefined ? {} : { version }) } };
  });
}

/** What failed: of some hosts a partial success, of all of them what is wrong with the first. */
export function lostErrors(surveyed: readonly (SurveyedHost | LostHost)[]): readonly PackferryError[] {
  const errors = surveyed.flatMap((one) => (isLost(one) ? [one.error] : []));
  if (errors.length === 0 || errors.length === surveyed.length) return errors;
  const message = `${errors.length} of ${surveyed.length} hosts could not be asked`;
  return [new PackferryError('E_PARTIAL', message, { errors })];
}
