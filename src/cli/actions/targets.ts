import { PackferryError } from '../../core/errors.ts';
import type { StageFolder } from '../../engine/stage/staged-target.ts';
import type { AskedOnExisting, OnExisting } from '../../flows/on-existing.ts';
import { findTargets, type FoundTarget } from '../../flows/targets.ts';
import { readPlace } from '../../registry/credentials/stored.ts';
import type { Context } from '../context.ts';
import type { HostsOptions } from '../hosts-options.ts';
import type { RegistryOptions } from '../network.ts';
import type { PatienceOptions } from '../registry-options.ts';
import type { PaceOptions } from '../pace-options.ts';
import type { Session } from '../session.ts';
import { sshAccess } from '../ssh.ts';
import type { SshOptions } from '../ssh-options.ts';
import { registrySourceOptions } from './registries.ts';

/** Options of commands that bring images to targets. */
export interface DeliveryOptions
  extends PaceOptions, RegistryOptions, PatienceOptions, SshOptions, HostsOptions {
  readonly to?: readonly string[];
  readonly retag?: readonly string[];
  readonly onExisting: AskedOnExisting;
  readonly dryRun?: boolean;
  readonly keepGoing?: boolean;
  readonly jobs?: number;
  readonly stage?: boolean;
  readonly stageDir?: string;
}

/** The targets of a command line, not yet touched. */
export async function deliveryTargets(
  session: Session,
  options: RegistryOptions &
    PatienceOptions &
    SshOptions &
    Partial<Pick<PaceOptions, 'targetTimeout'>> &
    Pick<DeliveryOptions, 'stage' | 'stageDir'>,
  urls: readonly string[],
): Promise<readonly FoundTarget[]> {
  const registries = async (): ReturnType<typeof registrySourceOptions> => {
    const { authfile, caFile, plainHttp, retries, maxWait, timeout } = options;
    // What is named for this run is read now: its fault is not one of every image.
    if (authfile !== undefined) await readPlace({ file: authfile, named: true });
    const named = {
      ...(authfile === undefined ? {} : { authfile }),
      ...(caFile === undefined ? {} : { caFile }),
      ...(plainHttp === undefined ? {} : { plainHttp }),
    };
    // Images are read elsewhere than they are named, but brought where they are said to go.
    return registrySourceOptions(
      session,
      { registries: new Map(), path: '' },
      { ...named, retries, maxWait, timeout },
    );
  };
  const found = await findTargets(urls, {
    environment: session.context.env,
    registries,
    ...(options.targetTimeout === undefined ? {} : { loadIdle: options.targetTimeout * 1000 }),
    ssh: sshAccess(session, options),
    ...staging(options),
    emit: session.emit,
  });
  refuseNothingStaged(
    options,
    found.map(({ isOverSsh }) => isOverSsh),
  );
  return found;
}

type StageOptions = Pick<DeliveryOptions, 'stage' | 'stageDir'>;

/** `--stage`, `--stage-dir DIR`. */
export function staging({ stage, stageDir }: StageOptions): { readonly stage?: StageFolder } {
  if (stage !== true && stageDir === undefined) return {};
  return { stage: stageDir === undefined ? {} : { dir: stageDir } };
}

/** Throws `E_USAGE` where images are to be staged and nothing is reached over SSH. */
export function refuseNothingStaged(options: StageOptions, areOverSsh: readonly boolean[]): void {
  if (staging(options).stage === undefined || areOverSsh.includes(true)) return;
  throw new PackferryError(
    'E_USAGE',
    'images are staged on the way to engines over SSH, and no target is one',
    {
      hint: 'Leave --stage out, or name one: ssh://[USER@]HOST, or docker: where DOCKER_HOST or a context leads over SSH.',
    },
  );
}

/** What `--on-existing` asks for; the time of the run tells the images apart that are kept under another name. */
export function onExisting({ now }: Context, asked: AskedOnExisting): OnExisting {
  return asked === 'retag' ? { retag: `-before-${compactTime(now)}` } : asked;
}

/** A time that may stand in a tag: `20261125T120000Z`. */
function compactTime(time: Date): string {
  return `${time.toISOString().slice(0, 19).replaceAll(/[-:]/g, '')}Z`;
}
