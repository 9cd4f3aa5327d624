import { Readable } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { composeImage, noise } from '../../bin/demo/sample-images.ts';
import { openOciTarget } from '../../src/archive/oci-target.ts';
import { PackferryError } from '../../src/core/errors.ts';
import { silent, type Event } from '../../src/core/events.ts';
import { uniqueBlobs, type LockedImage } from '../../src/core/image.ts';
import type { ImageSource, ImageTarget } from '../../src/core/ports.ts';
import { deliverToTargets, surveyTargets } from '../../src/flows/delivery.ts';
import type { DeliveryOptions } from '../../src/flows/deliver.ts';
import type { TargetReport } from '../../src/schema/reports.ts';
import { withFolder } from '../helpers/bundle-fixture.ts';
import { lockComposed } from '../helpers/compose.ts';
import { composedSource } from '../helpers/system-images.ts';

const composed = ['a', 'b', 'c'].map((name) =>
  composeImage({ files: [{ path: name, content: noise(name, 3000) }] }),
);
const images: readonly LockedImage[] = composed.map((image, at) =>
  lockComposed(`docker.io/demisto/many:${at}`, image),
);

/** Folders as targets, by their names. */
async function withTargets(
  names: readonly string[],
  use: (targets: readonly ImageTarget[]) => Promise<void>,
): Promise<void> {
  await withFolder(async (folder) => {
    const opened: ImageTarget[] = [];
    for (const name of names) opened.push(await openOciTarget(path.join(folder, name)));
    await use(opened);
  });
}

async function deliver(
  targets: readonly ImageTarget[],
  { source = composedSource(composed), ...more }: Partial<DeliveryOptions & { source: ImageSource }> = {},
): Promise<{ readonly reports: readonly TargetReport[]; readonly errors: readonly PackferryError[] }> {
  const { signal } = new AbortController();
  const errors: PackferryError[] = [];
  const options = { dryRun: false, keepGoing: false, jobs: 1, emit: silent, signal, ...more };
  const surveyed = await surveyTargets(targets, images, options.signal, options.targetsAtOnce);
  const reports = await deliverToTargets(surveyed, source, errors, options);
  return { reports, errors };
}

const statuses = ({ images: there }: TargetReport): readonly string[] => there.map(({ status }) => status);
const all = (status: string): readonly string[] => images.map(() => status);
const failing = (code: 'E_LOAD_FAILED' | 'E_SSH_UNREACHABLE') => (): Promise<never> =>
  Promise.reject(new PackferryError(code, 'it broke'));

/** A target that only begins when the test lets it, and what opens the gate. */
function gated(target: ImageTarget): { readonly target: ImageTarget; readonly open: () => void } {
  let open = (): void => undefined;
  const opened = new Promise<void>((resolve) => (open = resolve));
  const wait: ImageTarget['deliver'] = async (image, source, options) => {
    await opened;
    return target.deliver(image, source, options);
  };
  return { target: { ...target, deliver: wait }, open };
}

test('a target that stands still does not hold up the others', async (t) => {
  await withTargets(['slow', 'fast'], async ([slow, fast]) => {
    if (slow === undefined || fast === undefined) throw new Error('no targets');
    const gate = gated(slow);
    let confirmed = 0;
    const confirm: ImageTarget['confirm'] = async (image, signal) => {
      const answer = await fast.confirm(image, signal);
      confirmed += 1;
      // Only now that the other one has everything.
      if (confirmed === images.length) gate.open();
      return answer;
    };
    const { reports } = await deliver([gate.target, { ...fast, confirm }]);
    t.deepEqual(reports.map(statuses), [all('loaded'), all('loaded')]);
  });
});

test('what fails at two targets is told of both, in their order, and the third has everything', async (t) => {
  await withTargets(['one', 'two', 'three'], async ([one, two, three]) => {
    if (one === undefined || two === undefined || three === undefined) throw new Error('no targets');
    const broken = { ...one, deliver: failing('E_LOAD_FAILED') };
    const lost = { ...two, deliver: failing('E_SSH_UNREACHABLE') };
    const { reports, errors } = await deliver([broken, lost, three]);
    t.deepEqual(reports.map(statuses), [
      ['failed', 'pending', 'pending'],
      ['failed', 'pending', 'pending'],
      all('loaded'),
    ]);
    t.deepEqual(
      errors.map(({ code }) => code),
      ['E_LOAD_FAILED', 'E_SSH_UNREACHABLE'],
    );
    for (const [at, { name }] of [one, two].entries()) {
      t.true(errors[at]?.message.includes(name), errors[at]?.message);
      t.true(errors[at]?.message.includes(images[0]?.reference ?? 'no'), errors[at]?.message);
    }
  });
});

test('a target that cannot be asked is told, and the others are brought everything', async (t) => {
  await withTargets(['gone', 'there'], async ([gone, there]) => {
    if (gone === undefined || there === undefined) throw new Error('no targets');
    const unasked = { ...gone, survey: failing('E_SSH_UNREACHABLE') };
    const { reports, errors } = await deliver([unasked, there]);
    t.deepEqual(reports.map(statuses), [all('pending'), all('loaded')]);
    t.is(reports[0]?.error?.code, 'E_SSH_UNREACHABLE');
    t.deepEqual(
      errors.map(({ code, message }) => [code, message]),
      [['E_SSH_UNREACHABLE', `${gone.name}: it broke`]],
    );
    await t.throwsAsync(deliver([unasked]), { code: 'E_SSH_UNREACHABLE', message: 'it broke' });
    const none = await t.throwsAsync(deliver([unasked, unasked]), { instanceOf: PackferryError });
    t.is(none.errors.length, 2, 'where none can be asked nothing is left to do');
  });
});

test('no more targets than said are brought images at the same time', async (t) => {
  await withTargets(['1', '2', '3', '4', '5'], async (targets) => {
    let [busy, most] = [0, 0];
    const counted = targets.map((target) => {
      const delivering: ImageTarget['deliver'] = async (image, source, options) => {
        busy += 1;
        most = Math.max(most, busy);
        await turn();
        const delivery = await target.deliver(image, source, options);
        busy -= 1;
        return delivery;
      };
      return { ...target, deliver: delivering };
    });
    const { reports } = await deliver(counted, { targetsAtOnce: 2 });
    t.is(most, 2);
    t.deepEqual(
      reports.map(({ name }) => name),
      targets.map(({ name }) => name),
    );
  });
});

test('eight targets cost one read of what all of them lack', async (t) => {
  await withTargets(['1', '2', '3', '4', '5', '6', '7', '8'], async (targets) => {
    let opened = 0;
    const source = composedSource(composed, (_, bytes) => {
      opened += 1;
      return Readable.from([bytes]);
    });
    const { reports } = await deliver(targets, { source });
    t.deepEqual(new Set(reports.flatMap(statuses)), new Set(['loaded']));
    t.is(opened, uniqueBlobs(images).length);
  });
});

test('after an interruption every target has put its work away before the run ends', async (t) => {
  await withTargets(['one', 'two'], async (targets) => {
    const stop = new AbortController();
    const putAway: string[] = [];
    const careful = targets.map((target, at) => {
      const until: ImageTarget['deliver'] = async (_image, _source, { signal } = {}) => {
        if (at === 1) stop.abort(new PackferryError('E_INTERRUPTED', 'stopped'));
        await new Promise((resolve) => setTimeout(resolve, 20 * (2 - at)));
        putAway.push(target.name);
        throw signal?.reason;
      };
      return { ...target, deliver: until };
    });
    await t.throwsAsync(deliver(careful, { signal: stop.signal }), { code: 'E_INTERRUPTED' });
    t.is(putAway.length, 2);
  });
});

test('events name the target where there are several, and the plan is one for all', async (t) => {
  await withTargets(['one', 'two'], async (targets) => {
    const told = async (some: readonly ImageTarget[]): Promise<readonly Event[]> => {
      const events: Event[] = [];
      await deliver(some, { emit: (event) => events.push(event) });
      return events;
    };
    const events = await told(targets);
    planOf(t, events, 2 * images.length);
    const done = events.flatMap((event) => (event.type === 'done' ? [`${event.item} ${event.target}`] : []));
    const expected = targets.flatMap(({ name }) => images.map(({ reference }) => `${reference} ${name}`));
    t.deepEqual(done.sort(), expected.sort());

    const alone = await told(targets.slice(0, 1));
    planOf(t, alone, images.length);
    t.false(alone.some((event) => 'target' in event));
  });
});

function planOf(t: ExecutionContext, events: readonly Event[], items: number): void {
  const plans = events.flatMap((event) => (event.type === 'planned' ? [event.items] : []));
  t.deepEqual(plans, [items]);
  t.is(events.filter(({ type }) => type === 'finished').length, 1);
}
