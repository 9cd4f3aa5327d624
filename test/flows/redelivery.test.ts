import path from 'node:path';
import test from 'ava';
import { composeImage, noise } from '../../bin/demo/sample-images.ts';
import { openOciTarget } from '../../src/archive/oci-target.ts';
import { PackferryError, type ErrorCode } from '../../src/core/errors.ts';
import type { Event } from '../../src/core/events.ts';
import { blobsOf, totalSize } from '../../src/core/image.ts';
import type { ImageTarget } from '../../src/core/ports.ts';
import { deliverToTargets, surveyTargets } from '../../src/flows/delivery.ts';
import type { TargetReport } from '../../src/schema/reports.ts';
import { withFolder } from '../helpers/bundle-fixture.ts';
import { lockComposed } from '../helpers/compose.ts';
import { composedSource } from '../helpers/system-images.ts';

const composed = composeImage({ files: [{ path: 'a', content: noise('a', 3000) }] });
const image = lockComposed('docker.io/demisto/again:1', composed);
const size = totalSize(blobsOf(image));

interface Outcome {
  readonly report: TargetReport | undefined;
  readonly errors: readonly PackferryError[];
  readonly events: readonly Event[];
  readonly tries: number;
}

interface Breaking {
  /** How often the connection breaks. */
  readonly times: number;
  /** Bytes that were sent before it does. */
  readonly after?: number;
  /** It breaks when all was sent, before the answer. */
  readonly atConfirm?: boolean;
  readonly code?: ErrorCode;
  readonly retries?: number;
  readonly signal?: AbortSignal;
  readonly retryDelay?: number;
}

/** Brings the image to a folder behind a connection that breaks. */
async function deliverOver(breaking: Breaking): Promise<Outcome> {
  const {
    times,
    after = 0,
    atConfirm = false,
    code = 'E_SSH_UNREACHABLE',
    retries,
    retryDelay = 1,
  } = breaking;
  return withFolder(async (folder) => {
    const target = await openOciTarget(path.join(folder, 'target'));
    let tries = 0;
    const broken = (): PackferryError => new PackferryError(code, 'the SSH connection was lost');
    const shaky: ImageTarget = {
      ...target,
      deliver: async (wanted, source, options = {}) => {
        tries += 1;
        if (!atConfirm && tries <= times) {
          options.onBytes?.(after);
          throw broken();
        }
        return target.deliver(wanted, source, options);
      },
      confirm: async (wanted, stop) => {
        if (atConfirm && tries <= times) throw broken();
        return target.confirm(wanted, stop);
      },
      wayBroke: (error) => error.code === 'E_SSH_UNREACHABLE',
    };
    const { signal = new AbortController().signal } = breaking;
    const [errors, events]: [PackferryError[], Event[]] = [[], []];
    const options = { dryRun: false, keepGoing: true, jobs: 1, retryDelay, signal };
    const [report] = await deliverToTargets(
      await surveyTargets([shaky], [image], signal),
      composedSource([composed]),
      errors,
      {
        ...options,
        ...(retries === undefined ? {} : { retries }),
        emit: (event) => events.push(event),
      },
    );
    return { report, errors, events, tries };
  });
}

test('an image whose connection broke is brought again, and what was sent in vain is counted', async (t) => {
  const { report, errors, events, tries } = await deliverOver({ times: 3, after: 100 });
  t.deepEqual(errors, []);
  t.is(tries, 4);
  t.like(report?.images[0], { status: 'loaded', bytesSent: size + 300 });
  const warnings = events.filter((event) => event.type === 'note' && event.level === 'warning');
  t.is(warnings.length, 3);
  t.is(events.filter(({ type }) => type === 'started').length, 4, 'its progress begins anew each time');
});

test('where only the answer was lost nothing is sent again', async (t) => {
  const { report } = await deliverOver({ times: 1, atConfirm: true });
  t.like(report?.images[0], { status: 'loaded', bytesSent: size });
});

test('after so many times it is given up, with the fault of the connection', async (t) => {
  const { report, errors, tries } = await deliverOver({ times: 99, retries: 2 });
  t.is(tries, 3);
  t.is(report?.images[0]?.status, 'failed');
  t.is(errors[0]?.code, 'E_SSH_UNREACHABLE');
  t.is((await deliverOver({ times: 99, retries: 0 })).tries, 1);
});

test('what is no fault of the way is not tried again', async (t) => {
  const { errors, tries } = await deliverOver({ times: 1, code: 'E_LOAD_FAILED' });
  t.is(tries, 1);
  t.is(errors[0]?.code, 'E_LOAD_FAILED');
});

test('an interruption ends the wait before the next time', async (t) => {
  const stop = new AbortController();
  const waiting = deliverOver({ times: 1, retryDelay: 3_600_000, signal: stop.signal });
  setImmediate(() => stop.abort(new PackferryError('E_INTERRUPTED', 'stopped')));
  await t.throwsAsync(waiting, { code: 'E_INTERRUPTED' });
});
