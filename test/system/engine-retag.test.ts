import { composeImage, noise } from '../../bin/demo/sample-images.ts';
import { silent } from '../../src/core/events.ts';
import type { PackferryError } from '../../src/core/errors.ts';
import type { LockedImage } from '../../src/core/image.ts';
import { deliverImages } from '../../src/flows/deliver.ts';
import type { ImportedImage } from '../../src/schema/reports.ts';
import { lockComposed } from '../helpers/compose.ts';
import { engineTest, savedLayers, type EngineBench } from '../helpers/system-engines.ts';
import { composedSource } from '../helpers/system-images.ts';

const name = 'docker.io/demisto/victim:1.0';
const old = composeImage({ files: [{ path: 'old', content: noise('old', 3000) }] });
const next = composeImage({ files: [{ path: 'next', content: noise('next', 3000) }] });
const lockedOld = lockComposed(name, old);
const locked = lockComposed(name, next);

async function deliver(
  { target }: EngineBench,
  retag?: string,
): Promise<{ report: ImportedImage | undefined; errors: PackferryError[] }> {
  const [presence = { state: 'absent' as const }] = await target.survey([locked]);
  const errors: PackferryError[] = [];
  const { signal } = new AbortController();
  const options = { dryRun: false, keepGoing: true, jobs: 1, emit: silent, signal };
  const [report] = await deliverImages(
    target,
    [{ image: locked, presence }],
    composedSource([next]),
    errors,
    retag === undefined ? options : { ...options, onExisting: { retag } },
  );
  return { report, errors };
}

const layersOf = ({ layers }: LockedImage): string[] => layers.map(({ diffId }) => diffId);

engineTest(
  'a name that stands for another image is not moved, and the image stays as it is',
  async (t, bench) => {
    await bench.target.deliver(lockedOld, composedSource([old]));
    const { report, errors } = await deliver(bench);
    t.is(report?.status, 'failed');
    t.deepEqual(
      errors.map(({ code }) => code),
      ['E_TAG_CONFLICT'],
    );
    t.like(await bench.target.confirm(lockedOld), { confirmed: true });
  },
);

engineTest(
  '--on-existing retag: the name is moved, and the old image is kept whole under a dated one',
  async (t, bench) => {
    await bench.target.deliver(lockedOld, composedSource([old]));
    const { report, errors } = await deliver(bench, '-before-20261125T120000Z');
    t.deepEqual(errors, []);
    const keptAs = `${name}-before-20261125T120000Z`;
    t.like(report, { status: 'loaded', replaced: { id: lockedOld[bench.kind.idOf].digest, keptAs } });
    t.like(await bench.target.confirm(locked), { confirmed: true });
    const kept = { ...lockedOld, reference: keptAs };
    t.like(await bench.target.confirm(kept), { confirmed: true });
    t.deepEqual(await savedLayers(bench, kept), layersOf(lockedOld));
    t.deepEqual(await savedLayers(bench, locked), layersOf(locked));
  },
);

engineTest(
  'a name that got another image between the survey and the delivery is not moved either',
  async (t, bench) => {
    await bench.target.survey([locked]);
    await bench.target.deliver(lockedOld, composedSource([old]));
    const replaces = locked.config.digest;
    await t.throwsAsync(bench.target.deliver(locked, composedSource([next]), { replaces }), {
      code: 'E_TAG_CONFLICT',
    });
    t.like(await bench.target.confirm(lockedOld), { confirmed: true });
  },
);

engineTest('what was not confirmed is withdrawn: the name goes back, or goes away', async (t, bench) => {
  await bench.target.deliver(lockedOld, composedSource([old]));
  const id = lockedOld[bench.kind.idOf].digest;
  await bench.target.setAside?.(id, {
    registry: 'docker.io',
    repository: 'demisto/kept',
    tag: '1',
    written: '',
  });
  await bench.target.deliver(locked, composedSource([next]), { replaces: id });
  t.like(await bench.target.confirm(locked), { confirmed: true });

  await bench.target.withdraw?.(locked, id);
  t.like(await bench.target.confirm(lockedOld), { confirmed: true });
  await bench.target.withdraw?.(lockedOld, undefined);
  t.like(await bench.target.survey([lockedOld]), [{ state: 'absent' }]);
  // Twice is once.
  await bench.target.withdraw?.(lockedOld, undefined);
  t.like(await bench.target.confirm({ ...lockedOld, reference: 'docker.io/demisto/kept:1' }), {
    confirmed: true,
  });
});
