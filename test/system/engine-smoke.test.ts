import { composeImage, noise } from '../../bin/demo/sample-images.ts';
import { silent, type Event } from '../../src/core/events.ts';
import type { LockedImage } from '../../src/core/image.ts';
import type { PackferryError } from '../../src/core/errors.ts';
import { deliverImages } from '../../src/flows/deliver.ts';
import type { ImportedImage } from '../../src/schema/reports.ts';
import { lockComposed } from '../helpers/compose.ts';
import { engineKinds } from '../helpers/system-engine-kinds.ts';
import { engineTest, type EngineBench } from '../helpers/system-engines.ts';
import { commandTest } from '../helpers/system-commands.ts';
import { composedSource, runnableImage } from '../helpers/system-images.ts';
import type { ExecutionContext } from 'ava';

const dead = composeImage({ files: [{ path: 'nothing', content: noise('nothing', 3000) }] });
const lockedDead = lockComposed('docker.io/demisto/dead:1.0', dead);

async function startsOrNot(t: ExecutionContext, { target, engine }: EngineBench): Promise<void> {
  const alive = await runnableImage('hello');
  const lockedAlive = lockComposed('docker.io/demisto/alive:1.0', alive);
  const errors: PackferryError[] = [];
  const told: Event[] = [];
  const surveyed = [lockedAlive, lockedDead].map((image: LockedImage) => {
    return { image, presence: { state: 'absent' as const } };
  });
  const { signal } = new AbortController();
  const options = { dryRun: false, keepGoing: true, jobs: 1, smoke: true, emit: silent, signal };
  const emit = (event: Event): void => void told.push(event);
  const source = composedSource([alive, dead]);
  const images: ImportedImage[] = await deliverImages(target, surveyed, source, errors, { ...options, emit });
  t.like(images, [
    { status: 'loaded', smoke: 'passed' },
    { status: 'loaded', smoke: 'failed', error: { code: 'E_SMOKE_FAILED' } },
  ]);
  t.deepEqual(
    errors.map(({ code }) => code),
    ['E_SMOKE_FAILED'],
  );
  // It does not start, but it stays; and no container does.
  t.like(await target.confirm(lockedDead), { confirmed: true });
  const left = await engine.run(['ps', '--all', '--quiet']);
  t.is(typeof left === 'string' ? left : left.stdout, '');
}

// Podman 5 runs no container on machines with cgroups v1, as many machines of tests are.
const kinds = engineKinds.filter(({ name }) => name !== 'newer Podman');
const title = '--smoke tells images that start from those that do not, and leaves no container';
engineTest(title, startsOrNot, kinds);
commandTest(title, startsOrNot, kinds);
