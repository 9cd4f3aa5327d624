import { PackferryError } from '../../core/errors.ts';
import { diagnoseEngine } from '../../flows/doctor-engines.ts';
import { diagnoseRegistry } from '../../flows/doctor-registry.ts';
import type { DoctorCheck, DoctorReport } from '../../schema/reports-doctor.ts';
import { reportVersion } from '../../schema/versions.ts';
import { machineChecks, stateCheck } from '../doctor/machine-checks.ts';
import { trustChecks, type TrustCheckOptions } from '../doctor/trust-checks.ts';
import type { RegistryOptions } from '../network.ts';
import type { Action, CommonOptions, Session } from '../session.ts';
import { sshAccess } from '../ssh.ts';
import type { SshOptions } from '../ssh-options.ts';
import { registrySourceOptions } from './registries.ts';
import { stateFolderOf } from '../state-folder.ts';
import { count } from '../text/plural.ts';

export interface DoctorOptions extends CommonOptions, TrustCheckOptions, RegistryOptions, SshOptions {
  readonly registry?: readonly string[];
  readonly to?: readonly string[];
  readonly state?: string;
}

/** `doctor [--to ENDPOINT]...` */
export const doctor: Action<DoctorOptions> = async (session, _args, options) => {
  const { context, emit, signal } = session;
  const errors: PackferryError[] = [];
  const trust = await trustChecks(session, options);
  errors.push(...trust.flatMap(({ error }) => (error === undefined ? [] : [error])));
  const state = await stateCheck(stateFolderOf(context, options.state));
  if (state.state === 'fail')
    errors.push(new PackferryError('E_STATE_UNUSABLE', state.message, hintOf(state)));

  const registries = await registryChecks(session, options, errors);
  const named = options.to ?? [];
  const endpoints = named.length === 0 ? ['docker:', 'podman:'] : named;
  const ssh = sshAccess(session, options);
  const diagnosing = endpoints.map((endpoint) =>
    diagnoseEngine(endpoint, { environment: context.env, ssh, emit, signal }),
  );
  const diagnoses = await Promise.all(diagnosing);
  // Of those that nobody named one is enough.
  const isAny = diagnoses.some(({ error }) => error === undefined) || registries.length > 0;
  const isOptional = named.length === 0 && isAny;
  if (!isOptional) errors.push(...diagnoses.flatMap(({ error }) => (error === undefined ? [] : [error])));
  const engines = diagnoses.flatMap(({ checks }) =>
    checks.map((check): DoctorCheck => (isOptional && check.state === 'fail' ? absent(check) : check)),
  );

  const machine = await machineChecks(context);
  const checks = [...machine, ...trust.map(({ check }) => check), state, ...registries, ...engines];
  const report: DoctorReport = {
    schemaVersion: reportVersion,
    checks,
    engines: diagnoses.map(({ engine }) => engine),
  };
  return { report, text: checks.map(lineOf).join('\n'), summary: summaryOf(checks), errors };
};

/** How each registry answers that was named; what cannot be used is added to `errors`. */
async function registryChecks(
  session: Session,
  { registry = [], ...options }: DoctorOptions,
  errors: PackferryError[],
): Promise<DoctorCheck[]> {
  if (registry.length === 0) return [];
  // Who asks for a diagnosis has waited before.
  const network = { ...options, retries: 0, timeout: 15 };
  const source = await registrySourceOptions(session, { registries: new Map(), path: '' }, network);
  const diagnoses = await Promise.all(registry.map((host) => diagnoseRegistry(host, source, session.signal)));
  errors.push(...diagnoses.flatMap(({ error }) => error ?? []));
  return diagnoses.flatMap(({ checks }) => checks);
}

/** An engine that is not there, and need not be. */
function absent({ id, message, hint }: DoctorCheck): DoctorCheck {
  return { id, state: 'info', message, ...(hint === undefined ? {} : { hint }) };
}

function hintOf({ hint }: DoctorCheck): { hint?: string } {
  return hint === undefined ? {} : { hint };
}

const words = { ok: 'OK  ', info: '-   ', warn: 'warn', fail: 'FAIL' } as const;

/** What fails has its hint with the errors. */
function lineOf({ state, message, hint }: DoctorCheck): string {
  const line = `${words[state]}  ${message}`;
  return hint === undefined || state !== 'warn' ? line : `${line}\n      ${hint}`;
}

function summaryOf(checks: readonly DoctorCheck[]): string {
  const number = (wanted: DoctorCheck['state']): number =>
    checks.filter(({ state }) => state === wanted).length;
  const failed = number('fail');
  const warned = number('warn') === 0 ? '' : `, ${count(number('warn'), 'warning')}`;
  return failed === 0 ? `Nothing is in the way${warned}.` : `${count(failed, 'thing')} in the way${warned}.`;
}
