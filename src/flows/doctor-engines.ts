import { asPackferryError, type PackferryError } from '../core/errors.ts';
import { formatSize } from '../core/size.ts';
import { connectEngine, type EngineConnection } from '../engine/connect-engine.ts';
import type { EngineFacts } from '../engine/docker-facts.ts';
import { isFar } from '../engine/far-engine.ts';
import { engineWords } from '../engine/engine-words.ts';
import { roomOf, takesZstd } from '../engine/engine-room.ts';
import type { DoctorCheck, DoctorEngine } from '../schema/reports-doctor.ts';
import { diagnoseSsh } from './doctor-ssh.ts';
import { parseEngine, type EngineEndpointOptions } from './engine-endpoint.ts';

export interface EngineDiagnosis {
  readonly engine: DoctorEngine;
  readonly checks: readonly DoctorCheck[];
  /** Why it cannot be used. */
  readonly error?: PackferryError;
}

/** Milliseconds that an engine may take: who asks for a diagnosis has waited before. */
const answerWithin = 15_000;

/** Below this an import is likely to fail; most bundles are larger. */
const little = 5 * 1024 ** 3;

/**
 * Looks for an engine and asks it what it is; changes nothing. What is wrong is in the answer. Throws the abort reason
 * only.
 */
export async function diagnoseEngine(
  endpoint: string,
  options: EngineEndpointOptions,
): Promise<EngineDiagnosis> {
  const { environment, ssh, emit, signal } = options;
  const checks: DoctorCheck[] = [];
  let engine: DoctorEngine = { endpoint };
  try {
    const place = await parseEngine(endpoint)(environment);
    let connection: EngineConnection;
    if (isFar(place)) {
      engine = { ...engine, ...placeOf({ ...place, name: place.endpoint.name }) };
      const found = await diagnoseSsh(place.endpoint, { ssh, emit, signal }, checks);
      connection = found.connection;
      engine = { ...engine, way: found.way };
    } else {
      connection = place;
      engine = { ...engine, ...placeOf(connection) };
    }
    const asked = await connectEngine(connection, answerWithin, signal);
    const { facts } = asked;
    const room = await roomOf(asked).finally(() => asked.close());
    engine = { ...engine, ...describe(facts), ...(room === undefined ? {} : { freeBytes: room.free }) };
    return { engine, checks: [...checks, answered(engine), ...zstdCheck(engine), ...roomCheck(engine)] };
  } catch (fault) {
    signal.throwIfAborted();
    const error = asPackferryError(fault);
    const { code, message, hint } = error;
    const check = { id: 'engine', state: 'fail', message, code } as const;
    return { engine, checks: [...checks, hint === undefined ? check : { ...check, hint }], error };
  }
}

function placeOf({
  name,
  foundBy,
}: {
  readonly name: string;
  readonly foundBy?: string;
}): Pick<DoctorEngine, 'name' | 'foundBy'> {
  return foundBy === undefined ? { name } : { name, foundBy };
}

function describe(facts: EngineFacts): Omit<DoctorEngine, 'endpoint'> {
  const { product, idOf, os, architecture } = facts;
  const store = product === 'podman' ? 'podman' : idOf === 'manifest' ? 'containerd' : 'classic';
  const told = {
    ...toldAs('version', facts.version),
    ...toldAs('apiVersion', facts.apiVersion),
    ...toldAs('driver', facts.driver),
    ...toldAs('dataRoot', facts.dataRoot),
  };
  return {
    ...{ product, store, ...told, zstdLayers: takesZstd(facts) },
    ...(facts.isRootless === undefined ? {} : { rootless: facts.isRootless }),
    ...(os === undefined || architecture === undefined ? {} : { platform: `${os}/${architecture}` }),
  };
}

function toldAs<K extends string>(key: K, value: string | undefined): Partial<Record<K, string>> {
  const told: Partial<Record<K, string>> = {};
  if (value !== undefined) told[key] = engineWords(value);
  return told;
}

function answered(engine: DoctorEngine): DoctorCheck {
  const { product, name, foundBy, version, apiVersion, store, driver, rootless, platform } = engine;
  const title = product === 'podman' ? 'Podman' : 'Docker';
  const parts = [
    ...(apiVersion === undefined ? [] : [`API ${apiVersion}`]),
    `${store === 'podman' ? '' : `${store ?? ''} `}store${driver === undefined ? '' : ` on ${driver}`}`,
    ...(rootless === true ? ['rootless'] : []),
    ...(platform === undefined ? [] : [platform]),
  ];
  const how = foundBy === undefined ? '' : ` (by ${foundBy})`;
  const message = `${name ?? ''}${how}: ${title} ${version ?? 'of unknown version'}; ${parts.join(', ')}`;
  return { id: 'engine', state: 'ok', message };
}

function zstdCheck({ name = '', zstdLayers, version }: DoctorEngine): DoctorCheck[] {
  if (zstdLayers !== false) return [];
  const message = `${name}: Docker ${version ?? ''} cannot unpack layers in zstd`;
  const hint =
    'Docker 23 and later can. Where images are exported, policy.zstd: error keeps such layers out.';
  return [{ id: 'engine-zstd', state: 'warn', message, hint }];
}

function roomCheck({ name = '', dataRoot, freeBytes }: DoctorEngine): DoctorCheck[] {
  const id = 'engine-room';
  if (freeBytes === undefined) {
    const message = `${name}: how much room it has for images cannot be told from here`;
    return [{ id, state: 'info', message }];
  }
  const message = `${name}: ${formatSize(freeBytes)} free in ${dataRoot ?? ''}`;
  if (freeBytes >= little) return [{ id, state: 'ok', message }];
  const hint =
    'A load needs the unpacked size of the images, and that of their archive while it is under way.';
  return [{ id, state: 'warn', message, hint }];
}
