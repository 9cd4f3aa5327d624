import path from 'node:path';
import pLimit from 'p-limit';
import { asPackferryError, PackferryError } from '../core/errors.ts';
import { silent, type Emit } from '../core/events.ts';
import type { ImageTarget } from '../core/ports.ts';
import { openOciTarget } from '../archive/oci-target.ts';
import { openDockerTarget } from '../engine/docker-target.ts';
import { isFar } from '../engine/far-engine.ts';
import { sshTarget, stagedTarget, type SshAccess } from '../engine/ssh-access.ts';
import type { SshEndpoint } from '../engine/ssh-endpoint.ts';
import type { StageFolder } from '../engine/stage/staged-target.ts';
import type { RegistrySourceOptions } from '../registry/options.ts';
import { engineAt } from './engine-endpoint.ts';
import { parseEndpointUrl, type EndpointRole } from './endpoint-url.ts';
import { usualTargetsAtOnce } from './pace.ts';
import { registryBase } from './source-endpoint.ts';
import { together } from './together.ts';

export interface EndpointOptions {
  /** The variables by which the engines' own clients are configured. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** What is set for registries; asked for when one of them is a target. Default: nothing. */
  readonly registries?: () => Promise<RegistrySourceOptions>;
  /** How machines are reached over SSH; absent where none may be. */
  readonly ssh?: SshAccess;
  /** Milliseconds that an engine may neither take nor say anything while it loads. Default: 10 minutes. */
  readonly loadIdle?: number;
  /** Brings images to engines over SSH by way of a folder there; in one stream where this is absent. */
  readonly stage?: StageFolder;
  readonly emit?: Emit;
}

/** `quietly`: nobody is asked anything on the way. */
type OpenTarget = (signal: AbortSignal, quietly?: boolean) => Promise<ImageTarget>;

/** A target that has not been touched, and as what it was named. */
export type NamedTarget = OpenTarget & { readonly url: string };

export type FoundTarget = NamedTarget & {
  /** An engine on another machine that is reached over SSH, also where only a variable or a context says so. */
  readonly isOverSsh: boolean;
};

/** Reads endpoint URLs; touches nothing. Throws `E_ENDPOINT_INVALID` with every one that names no target. */
export async function findTargets(
  urls: readonly string[],
  options: EndpointOptions,
): Promise<readonly FoundTarget[]> {
  return allOf(urls.map((url) => findTarget(url, options)));
}

/** Opens targets, all or none. Throws what those say that cannot be used. */
export async function openTargets(
  found: readonly OpenTarget[],
  signal: AbortSignal,
): Promise<readonly ImageTarget[]> {
  const opening = found.map((open) => open(signal));
  try {
    return await allOf(opening);
  } catch (fault) {
    const opened = await Promise.allSettled(opening);
    await closeTargets(opened.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : [])));
    throw fault;
  }
}

/**
 * Opens targets, `atOnce` at a time. Of several, those that cannot be used are there all the same, and throw what they
 * said when they are asked for images: so the others can go on, and the failure is told with theirs. Of those that turn
 * out to be one and the same, one is left. `onTrouble` hears of those that cannot be used, before there is work for the others.
 */
export async function openUsableTargets(
  found: readonly NamedTarget[],
  signal: AbortSignal,
  atOnce = usualTargetsAtOnce,
  onTrouble?: (target: string, error: PackferryError) => void,
): Promise<readonly ImageTarget[]> {
  if (found.length === 1) return openTargets(found, signal);
  const limit = pLimit(atOnce);
  const open = async (one: NamedTarget): Promise<ImageTarget> => {
    try {
      signal.throwIfAborted();
      return await one(signal);
    } catch (fault) {
      const error = asPackferryError(fault);
      if (!signal.aborted) onTrouble?.(one.url, error);
      return unusable(one.url, error);
    }
  };
  const opened = await Promise.all(found.map((one) => limit(open, one)));
  const targets = new Map<string, ImageTarget>();
  const twice: ImageTarget[] = [];
  for (const target of opened) {
    const folder = /^oci:(.+)$/s.exec(target.name)?.[1];
    const place = folder === undefined ? target.name : path.resolve(folder);
    if (targets.has(place)) twice.push(target);
    else targets.set(place, target);
  }
  await closeTargets(signal.aborted ? opened : twice);
  signal.throwIfAborted();
  return [...targets.values()];
}

/** How targets are opened while other work is done. */
export interface MeanwhileOptions {
  readonly signal: AbortSignal;
  readonly atOnce?: number | undefined;
  /** Nobody is connected to before this, or the end of the work. Default: at once. */
  readonly after?: Promise<void>;
  /** Hears of a target that cannot be used as it is, long before that counts; is it opened once more after the work? */
  readonly onTrouble: (target: string, error: PackferryError, isTriedAgain: boolean) => void;
}

/**
 * Opens targets as `openUsableTargets` does, while other work is still done: to connect takes many round trips, and what is not
 * there is better known now than after the work. What could not be opened is told at once, and opened once more after the work:
 * an engine may have been started by then, and for a password somebody has to be asked, which waits so long. Of hosts that are
 * out of reach each try takes long, so they get one. What the work throws counts first; then nothing stays open.
 */
export async function openMeanwhile<T>(
  found: readonly FoundTarget[],
  work: () => Promise<T>,
  { signal, atOnce, after = Promise.resolve(), onTrouble }: MeanwhileOptions,
): Promise<{ readonly done: T; readonly targets: readonly ImageTarget[] }> {
  const inVain = new AbortController();
  const both = AbortSignal.any([signal, inVain.signal]);
  let isWorking = true;
  const working = work().finally(() => (isWorking = false));
  const patient = found.map((open): NamedTarget => {
    const early = async (): Promise<ImageTarget> => {
      await Promise.race([after, working]);
      try {
        return await open(both, true);
      } catch (fault) {
        const error = asPackferryError(fault);
        const isAsking = error.code === 'E_SSH_AUTH';
        const isTriedAgain = isAsking || !open.isOverSsh;
        if (isWorking && !both.aborted && !isAsking) onTrouble(open.url, error, isTriedAgain);
        if (!isTriedAgain) throw fault;
        await working;
        return open(both);
      }
    };
    return Object.assign(early, { url: open.url });
  });
  const opening = openUsableTargets(patient, both, atOnce);
  try {
    const [done] = await Promise.all([working, opening.catch(() => working)]);
    return { done, targets: await opening };
  } catch (fault) {
    inVain.abort();
    await opening.then(closeTargets, () => undefined);
    throw fault;
  }
}

/** Stands for a target that could not be opened. */
function unusable(name: string, error: PackferryError): ImageTarget {
  const refuse = (): Promise<never> => Promise.reject(error);
  const close = (): Promise<void> => Promise.resolve();
  // It gets nothing, so the others may get theirs in any way.
  return { name, takesSaves: true, survey: refuse, deliver: refuse, confirm: refuse, close };
}

/** Closes all, also when one of them fails to. */
export async function closeTargets(targets: readonly ImageTarget[]): Promise<void> {
  await Promise.allSettled(targets.map((target) => target.close()));
}

const role: EndpointRole<'docker' | 'podman' | 'ssh' | 'oci' | 'registry'> = {
  noun: 'target',
  schemes: ['docker', 'podman', 'ssh', 'oci', 'registry'],
  examples:
    'Targets are docker:, docker:unix:///PATH, docker:tcp://HOST:PORT, docker:?sudo, docker:?as=USER, the same with podman:, ssh://[USER@]HOST, oci:DIR, and registry://HOST[:PORT][/PREFIX].',
};

async function findTarget(url: string, options: EndpointOptions): Promise<FoundTarget> {
  const { environment, registries, loadIdle } = options;
  const { scheme, rest } = parseEndpointUrl(url, role);
  const near = (open: OpenTarget): FoundTarget => Object.assign(open, { url, isOverSsh: false });
  if (scheme === 'registry') return near(await findRegistry(registryBase(url, rest), await registries?.()));
  if (scheme !== 'oci') {
    const place = await engineAt(scheme, rest)(environment);
    if (isFar(place)) return Object.assign(overSsh(place.endpoint, options), { url, isOverSsh: true });
    const engine = loadIdle === undefined ? {} : { loadIdle };
    return near((signal) => openDockerTarget(place, { ...engine, signal }));
  }
  if (rest !== '') return near(() => openOciTarget(rest));
  throw new PackferryError('E_ENDPOINT_INVALID', `${JSON.stringify(url)} names no folder`, {
    hint: role.examples,
  });
}

function overSsh(
  endpoint: SshEndpoint,
  { ssh, stage, loadIdle, emit = silent }: EndpointOptions,
): OpenTarget {
  const access = (quietly = false): typeof ssh =>
    quietly && ssh !== undefined ? { ...ssh, ask: undefined } : ssh;
  if (stage !== undefined)
    return (signal, quietly) =>
      stagedTarget(endpoint, { ssh: access(quietly), stage, loadIdle, emit, signal });
  const engine = loadIdle === undefined ? {} : { loadIdle };
  return async (signal, quietly) =>
    openDockerTarget(await sshTarget(endpoint, { ssh: access(quietly), emit, signal }), {
      ...engine,
      signal,
    });
}

/** The client is loaded only where it is needed. */
async function findRegistry(base: string, options: RegistrySourceOptions = {}): Promise<OpenTarget> {
  if (base === '') {
    throw new PackferryError('E_ENDPOINT_INVALID', '"registry:" names no host that images could go to', {
      hint: role.examples,
    });
  }
  const { openRegistryTarget } = await import('../registry/push/target.ts');
  return async (signal) => {
    const target = openRegistryTarget(base, options);
    try {
      await target.greet?.(undefined, signal);
      return target;
    } catch (fault) {
      await target.close();
      throw fault;
    }
  };
}

/** Waits for all; what failed is told together. */
async function allOf<T>(work: readonly Promise<T>[]): Promise<T[]> {
  const ended = await Promise.allSettled(work);
  const errors = ended.flatMap((each) => (each.status === 'rejected' ? [asPackferryError(each.reason)] : []));
  if (errors.length === 0) return Promise.all(work);
  throw together(errors, `${errors.length} of ${work.length} targets cannot be used`);
}
