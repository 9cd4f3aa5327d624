import { treeOf } from '../export/processes.ts';
import type { Dockerd } from '../../../test/helpers/system-dockerd.ts';
import { engineKinds, startEngine, type EngineKind } from '../../../test/helpers/system-engine-kinds.ts';
import type { Podman } from '../../../test/helpers/system-podman.ts';
import { usingService } from '../../../test/helpers/system-service.ts';
import { systemTools } from '../../../test/helpers/system-tools.ts';

export type Engine = Dockerd | Podman;

/** The engines that this machine has and whose names hold one of these texts; each that is missing is told. */
export function findEngines(wanted: readonly string[], tell: (line: string) => void): EngineKind[] {
  return engineKinds.filter(({ name, needs }) => {
    if (!wanted.some((part) => name.toLowerCase().includes(part.toLowerCase()))) return false;
    const missing = systemTools().missing(needs);
    if (missing.length > 0) tell(`left out: ${name} (missing: ${missing.join(', ')})`);
    return missing.length === 0;
  });
}

/** Runs with an empty engine; Podman's storage is as users have it. */
export async function withEmptyEngine<T>(kind: EngineKind, use: (engine: Engine) => Promise<T>): Promise<T> {
  return usingService(await startEngine(kind, { podmanDriver: 'overlay' }), use);
}

/** The engine's own process: below it is all that it starts. */
export function processOf({ supervisor }: Engine): number {
  const [, daemon] = treeOf(supervisor);
  if (daemon === undefined) throw new Error('the engine has ended');
  return daemon;
}
