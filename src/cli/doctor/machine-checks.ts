import { access, constants, readFile, statfs } from 'node:fs/promises';
import path from 'node:path';
import { messageOf, systemCodeOf } from '../../core/errors.ts';
import { formatSize } from '../../core/size.ts';
import { findProgram } from '../../engine/by-command.ts';
import type { DoctorCheck } from '../../schema/reports-doctor.ts';
import type { Context } from '../context.ts';

/** The kernel's own word on FIPS 140 mode (Red Hat, "Switching RHEL to FIPS mode"). */
const fipsFile = '/proc/sys/crypto/fips_enabled';

/** Programs that packferry calls, and for what. */
const programs = [
  ['ssh-keygen', 'keys in hardware, and checks by hand'],
  ['sudo', 'engines of other users: docker:?sudo, podman:?as=USER'],
  ['docker', 'docker:?command, docker:?sudo, Docker over TLS'],
  ['podman', 'podman: without a socket, podman:?as=USER'],
] as const;

/** Node, FIPS mode, programs, room in the current folder. */
export async function machineChecks(context: Context, fips = fipsFile): Promise<DoctorCheck[]> {
  const { env, machine, tool } = context;
  return [
    { id: 'node', state: 'ok', message: `${tool.name} ${tool.version} on Node ${machine.node}` },
    await fipsCheck(fips),
    ...(await Promise.all(
      programs.map(async ([name, use]): Promise<DoctorCheck> => {
        const found = await findProgram(name, env);
        const message = found ?? `no ${name} in the PATH; it would be used for ${use}`;
        return { id: `program-${name}`, state: found === undefined ? 'info' : 'ok', message };
      }),
    )),
    await roomHere(),
  ];
}

async function fipsCheck(file: string): Promise<DoctorCheck> {
  const text = await readFile(file, 'utf8').catch(() => '0');
  const id = 'fips';
  if (text.trim() !== '1') return { id, state: 'ok', message: 'the machine is not in FIPS mode' };
  return {
    ...{ id, state: 'warn', message: 'the machine is in FIPS mode: ssh-keygen refuses keys of Ed25519 here' },
    hint: 'Use keys of P-256: packferry keygen --type ecdsa-p256 -o FILE. Signatures by other keys are still checked here.',
  };
}

async function roomHere(): Promise<DoctorCheck> {
  const here = path.resolve('.');
  const { bavail, bsize } = await statfs(here);
  return { id: 'room', state: 'info', message: `${formatSize(bavail * bsize)} free in ${here}` };
}

/**
 * Can what packferry remembers be written? Nothing is made for that: where the folder is missing, the nearest one above it
 * counts.
 */
export async function stateCheck(folder: string | undefined): Promise<DoctorCheck> {
  const id = 'state-folder';
  const hint = 'Name a folder that you may write to: --state DIR, or PACKFERRY_STATE.';
  const code = 'E_STATE_UNUSABLE';
  if (folder === undefined) {
    const message = 'this user has no home, hence no folder for what packferry remembers';
    return { id, state: 'fail', message, hint, code };
  }
  for (let place = folder; ; place = path.dirname(place)) {
    try {
      await access(place, constants.W_OK | constants.X_OK);
      const made = place === folder ? '' : ' (made by the first import)';
      return { id, state: 'ok', message: `what packferry remembers goes to ${folder}${made}` };
    } catch (fault) {
      if (systemCodeOf(fault) === 'ENOENT' && path.dirname(place) !== place) continue;
      return { id, state: 'fail', message: `${folder} cannot be written: ${messageOf(fault)}`, hint, code };
    }
  }
}
