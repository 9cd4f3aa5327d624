import test, { type ExecutionContext } from 'ava';
import { silent } from '../../src/core/events.ts';
import { defaultPlatform } from '../../src/core/platform.ts';
import { parseReference } from '../../src/core/reference.ts';
import { findOutdated, type Outdated } from '../../src/flows/outdated.ts';
import { outdatedReport, type AssessedImage } from '../../src/schema/reports-tags.ts';
import { openRegistrySource } from '../../src/registry/source.ts';
import { serveBuilds, type Builds } from '../helpers/registry-builds.ts';

interface Options {
  readonly anyVersion?: boolean;
}

async function outdated(
  t: ExecutionContext,
  builds: Builds,
  images: readonly string[],
  { anyVersion = false }: Options = {},
): Promise<Outdated & { host: string; asked: () => number }> {
  const server = await serveBuilds(t, builds);
  const source = openRegistrySource({ retries: 0, retryDelay: 1 });
  t.teardown(() => source.close());
  const wanted = images.map((image) => ({
    reference: parseReference(`${server.host}/${image}`),
    usedBy: [],
  }));
  const signal = new AbortController().signal;
  const options = { wanted, source, platform: defaultPlatform, emit: silent, signal };
  const found = await findOutdated({ ...options, anyVersion, jobs: 4 });
  t.deepEqual(outdatedReport.parse(found.report), found.report);
  return { ...found, host: server.host, asked: () => server.seen.length };
}

/** Builds of an image by tag: the version of Python, or null for images without. */
const python3: Builds = {
  'demisto/python3': {
    '3.10.5.100': '3.10.5',
    '3.10.14.300': '3.10.14',
    '3.12.1.200': '3.12.1',
    '3.12.13.400': '3.12.13',
    latest: '3.12.13',
    '1.3-alpine': '2.7.14',
  },
};
/** The tags say nothing of Python. */
const tools: Builds = {
  'demisto/tools': {
    '1.0.0.10': '3.10.1',
    '1.0.0.20': '3.10.2',
    '1.0.0.30': '3.10.14',
    '1.0.0.40': '3.11.1',
    '1.0.0.50': '3.12.1',
    '1.0.0.60': '3.12.2',
    '1.1.0.70': '3.12.2',
  },
};
const shell: Builds = { 'demisto/powershell': { '7.5.0.1': null, '7.5.0.2': null } };

type Expected = [status: AssessedImage['status'], update: string | undefined];

const says = test.macro<[builds: Builds, image: string, expected: Expected, options?: Options]>({
  async exec(t, builds, image, [status, update], options = {}) {
    const { report, errors } = await outdated(t, builds, [image], options);
    t.deepEqual(errors, []);
    const [found] = report.images;
    t.deepEqual([found?.status, found?.update?.tag], [status, update], found?.reason);
    t.is(found?.reason === undefined, status === 'current' || status === 'outdated');
  },
  title: (_title, _builds, image, [status, update], options) =>
    `outdated: ${image}${options?.anyVersion === true ? ' to any version' : ''} is ${status} ${update ?? ''}`,
});
const any = { anyVersion: true };
test(says, python3, 'demisto/python3:3.10.5.100', ['outdated', '3.10.14.300']);
test(says, python3, 'demisto/python3:3.10.5.100', ['outdated', '3.12.13.400'], any);
test(says, python3, 'demisto/python3:3.10.14.300', ['held', undefined]);
test(says, python3, 'demisto/python3:3.12.13.400', ['current', undefined]);
test(says, python3, 'demisto/python3:3.12.13.400', ['current', undefined], any);
test(says, python3, 'demisto/python3:3.10.7.150', ['outdated', '3.10.14.300']);
test(says, python3, 'demisto/python3:3.9.1.50', ['held', undefined]);
test(says, python3, 'demisto/python3:latest', ['not comparable', undefined]);
test(says, python3, 'demisto/python3:1.3-alpine', ['not comparable', undefined], any);
test(says, python3, `demisto/python3:3.10.5.100@sha256:${'0'.repeat(64)}`, ['not comparable', undefined]);
test(says, tools, 'demisto/tools:1.0.0.10', ['outdated', '1.0.0.30']);
test(says, tools, 'demisto/tools:1.0.0.30', ['held', undefined]);
test(says, tools, 'demisto/tools:1.0.0.40', ['held', undefined]);
test(says, tools, 'demisto/tools:1.0.0.50', ['outdated', '1.0.0.60']);
test(says, tools, 'demisto/tools:1.0.0.10', ['outdated', '1.1.0.70'], any);
test(says, tools, 'demisto/tools:1.0.0.15', ['held', undefined]);
test(says, tools, 'demisto/tools:1.0.0.15', ['outdated', '1.1.0.70'], any);
test(says, shell, 'demisto/powershell:7.5.0.1', ['outdated', '7.5.0.2']);
test(says, shell, 'demisto/powershell:7.5.0.0', ['outdated', '7.5.0.2']);
test(
  says,
  { 'a/b': { '1.0.0.1': null, '1.0.0.2': null } },
  'a/b:1.0.0.1',
  ['not comparable', undefined],
  any,
);

test('outdated: the report tells age, Python and what the registry still has', async (t) => {
  const { report, host } = await outdated(t, python3, [
    'demisto/python3:3.10.5.100',
    'demisto/python3:3.10.7.150',
  ]);
  const [used, gone] = report.images;
  t.like(used, {
    reference: `${host}/demisto/python3:3.10.5.100`,
    exists: true,
    source: `registry://${host}`,
    created: '2026-01-01T00:01:40.000Z',
    python: '3.10.5',
  });
  t.deepEqual(used?.newest, { tag: '3.12.13.400', created: '2026-01-01T00:06:40.000Z', python: '3.12.13' });
  t.deepEqual(used?.update, { tag: '3.10.14.300', created: '2026-01-01T00:05:00.000Z', python: '3.10.14' });
  t.is(gone?.exists, false);
  t.is(gone?.created, undefined);
  t.deepEqual(report.totals, { images: 2, outdated: 2, held: 0, gone: 1, notComparable: 0 });
});

test('outdated: many uses of one image cost one list, and each configuration once', async (t) => {
  const images = ['demisto/python3:3.10.5.100', 'demisto/python3:3.10.7.150', 'demisto/python3:3.12.1.200'];
  const { asked } = await outdated(t, python3, images);
  // One list, and a manifest and a config each for 3.10.5, 3.12.1, 3.10.14 and 3.12.13.
  t.is(asked(), 1 + 2 * 4);
});

test('outdated: an image that is not there is an error; the others are told', async (t) => {
  const { report, errors } = await outdated(t, shell, [
    'demisto/nothing:1.0.0.1',
    'demisto/powershell:7.5.0.2',
  ]);
  t.deepEqual(
    errors.map(({ code }) => code),
    ['E_IMAGE_NOT_FOUND'],
  );
  t.is(report.errors.length, 1);
  t.deepEqual(
    report.images.map(({ status }) => status),
    ['current'],
  );
});

test('outdated: a build whose configuration cannot be read is not moved to', async (t) => {
  const builds: Builds = { 'demisto/tools': { '1.0.0.1': '3.10.1', '1.0.0.2': 'broken' } };
  const { report, errors } = await outdated(t, builds, ['demisto/tools:1.0.0.1']);
  t.deepEqual(errors, []);
  t.is(report.images[0]?.status, 'held');
});
