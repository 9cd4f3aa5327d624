import type { Emit } from '../core/events.ts';
import type { EngineConnection } from '../engine/connect-engine.ts';
import { prepared, type SshAccess } from '../engine/ssh-access.ts';
import { connectionBy } from '../engine/ssh-connection.ts';
import type { SshEndpoint } from '../engine/ssh-endpoint.ts';
import { noWay, tryAllWays, type TriedWay } from '../engine/ssh-find-way.ts';
import type { DoctorCheck } from '../schema/reports-doctor.ts';
import { connectSsh } from '../ssh/connect.ts';

interface SshDiagnosis {
  readonly ssh: SshAccess | undefined;
  readonly emit: Emit;
  readonly signal: AbortSignal;
}

/**
 * Connects to a machine and tries every way to its engine; what was found is added to `checks`, also when an error is
 * thrown. The connection goes the best way, and is closed by whoever gets it. Throws as `connectEngineOverSsh` does.
 */
export async function diagnoseSsh(
  endpoint: SshEndpoint,
  { ssh, emit, signal }: SshDiagnosis,
  checks: DoctorCheck[],
): Promise<{ readonly connection: EngineConnection; readonly way: string }> {
  const connection = await connectSsh(endpoint.destination, { ...prepared(endpoint, ssh), emit, signal });
  try {
    checks.push(
      ...connection.account.map((message): DoctorCheck => ({ id: 'ssh-host', state: 'ok', message })),
    );
    const tried = await tryAllWays(connection, endpoint, signal);
    checks.push(...tried.map((one) => wayCheck(endpoint, one)));
    const best = tried.find(({ failure }) => failure === undefined);
    if (best !== undefined)
      return { connection: connectionBy(best.way, connection, endpoint), way: best.way.name };
    const failures = tried.flatMap(({ failure }) => (failure === undefined ? [] : [failure]));
    throw await noWay(connection, endpoint, failures);
  } catch (fault) {
    connection.close();
    throw fault;
  }
}

/** One way is enough: those that do not go are no fault by themselves. */
function wayCheck({ name }: SshEndpoint, { way, failure }: TriedWay): DoctorCheck {
  const id = 'ssh-way';
  if (failure === undefined) return { id, state: 'ok', message: `${name}: goes by ${way.name}` };
  return { id, state: 'info', message: `${name}: not by ${way.name}: ${failure.message}` };
}
