import { readFile } from 'node:fs/promises';
import type { ExecutionContext } from 'ava';
import { composeImage, noise, type ComposedImage } from '../../bin/demo/sample-images.ts';
import { silent, type Event } from '../../src/core/events.ts';
import type { LockedImage } from '../../src/core/image.ts';
import type { PackferryError } from '../../src/core/errors.ts';
import { deliverImages } from '../../src/flows/deliver.ts';
import type { ImportedImage } from '../../src/schema/reports.ts';
import { lockComposed } from '../helpers/compose.ts';
import { containerKinds } from '../helpers/system-engine-kinds.ts';
import { engineTest, type EngineBench } from '../helpers/system-engines.ts';
import { commandTest } from '../helpers/system-commands.ts';
import { composedSource, runnableImage } from '../helpers/system-images.ts';
import { systemTools } from '../helpers/system-tools.ts';

const dead = composeImage({ files: [{ path: 'nothing', content: noise('nothing', 3000) }] });
const lockedDead = lockComposed('docker.io/demisto/dead:1.0', dead);

/** Fails where it may do what it should not. */
const looking = `#!/bin/sh
state=0
bad() { echo "$*" >&2; state=9; }
nets=$(busybox ls /sys/class/net | busybox grep -v '^lo$')
[ -z "$nets" ] || bad "it has the network $nets"
[ "$(busybox wc -l < /proc/net/route)" = 1 ] || bad "there is a way out"
(echo x > /written) 2> /dev/null && bad "its root is writable"
while read -r name value; do
  case $name in
    CapEff: | CapPrm: | CapBnd:) [ "$value" = 0000000000000000 ] || bad "it has the rights $name $value" ;;
    NoNewPrivs:) [ "$value" = 1 ] || bad "it may get new rights" ;;
  esac
done < /proc/self/status
[ "$*" = --version ] || bad "it is told $*"
exit $state
`;

/** An image whose Python looks about. */
async function lookingImage(): Promise<ComposedImage> {
  const files = [{ path: 'bin/python', content: looking, mode: 0o755 }];
  return composeImage({ files, busybox: await readFile(systemTools().path('busybox')) });
}

async function startsOrNot(t: ExecutionContext, { target, engine }: EngineBench): Promise<void> {
  const alive = await runnableImage('hello');
  const lockedAlive = lockComposed('docker.io/demisto/alive:1.0', alive);
  const curious = await lookingImage();
  const lockedCurious = lockComposed('docker.io/demisto/curious:1.0', curious);
  const errors: PackferryError[] = [];
  const told: Event[] = [];
  const surveyed = [lockedAlive, lockedDead, lockedCurious].map((image: LockedImage) => {
    return { image, presence: { state: 'absent' as const } };
  });
  const { signal } = new AbortController();
  const options = { dryRun: false, keepGoing: true, jobs: 1, smoke: true, emit: silent, signal };
  const emit = (event: Event): void => void told.push(event);
  const source = composedSource([alive, dead, curious]);
  const images: ImportedImage[] = await deliverImages(target, surveyed, source, errors, { ...options, emit });
  t.like(
    images,
    [
      { status: 'loaded', smoke: 'passed' },
      { status: 'loaded', smoke: 'failed', error: { code: 'E_SMOKE_FAILED' } },
      { status: 'loaded', smoke: 'passed' },
    ],
    errors.map(({ message }) => message).join('\n'),
  );
  t.deepEqual(
    errors.map(({ code }) => code),
    ['E_SMOKE_FAILED'],
  );
  // It does not start, but it stays; and no container does.
  t.like(await target.confirm(lockedDead), { confirmed: true });
  const run = async (...args: readonly string[]): Promise<string> => {
    const ran = await engine.run(args);
    return typeof ran === 'string' ? ran : ran.stdout + ran.stderr;
  };
  t.is(await run('ps', '--all', '--quiet'), '');

  // The image does see what it is let do: run as anybody would run it, it finds its root writable, and has rights.
  const free = ['run', '--rm', '--network', 'none', lockedCurious.reference, 'python', '--version'];
  const words = await run(...free).catch((fault: unknown) => String(fault));
  t.regex(words, /its root is writable[^]*it has the rights CapEff/);
}

const title =
  '--smoke tells images that start from those that do not, gives them no network, no rights and no writable root, and leaves no container';
engineTest(title, startsOrNot, containerKinds);
commandTest(title, startsOrNot, containerKinds);
