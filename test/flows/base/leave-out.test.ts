import test from 'ava';
import { digestOf } from '../../../src/core/digest.ts';
import { silent, type Event } from '../../../src/core/events.ts';
import type { Layer, LockedImage } from '../../../src/core/image.ts';
import { defaultPlatform } from '../../../src/core/platform.ts';
import { baseOfBlobs, baseOfImages, type HeldImage } from '../../../src/flows/base/base.ts';
import { carriedOf, leaveOut } from '../../../src/flows/base/leave-out.ts';

/** A layer with this content, as one way of compressing it gives it. */
function layer(content: string, packed = 'gzip'): Layer {
  const mediaType = 'application/vnd.oci.image.layer.v1.tar+gzip';
  return {
    mediaType,
    digest: digestOf(`${packed} ${content}`),
    size: content.length,
    diffId: digestOf(content),
  };
}

function image(name: string, layers: readonly Layer[]): LockedImage {
  const reference = `docker.io/demisto/${name}`;
  const document = (kind: string): LockedImage['manifest'] => {
    return { mediaType: `application/${kind}`, digest: digestOf(`${kind} of ${name}`), size: 1 };
  };
  const documents = { manifest: document('manifest'), config: document('config') };
  return { reference, platform: defaultPlatform, ...documents, layers, source: 'registry://docker.io' };
}

/** What an engine has: it does not tell how layers were compressed. */
function unpacked({ reference, layers }: LockedImage): HeldImage {
  return { reference, layers: layers.map(({ diffId }) => ({ diffId })) };
}

const [system, python, tool, other] = ['system', 'python', 'the tool', 'another tool'].map((one) =>
  layer(one),
);
const old = image(
  'old:1',
  [system, python, other].flatMap((one) => one ?? []),
);
const fresh = image(
  'fresh:1',
  [system, python, tool].flatMap((one) => one ?? []),
);

function digests(layers: readonly (Layer | undefined)[]): readonly string[] {
  return layers.map((one) => one?.digest ?? '');
}

function requiredOf(
  images: readonly LockedImage[],
  ...bases: Parameters<typeof leaveOut>[1]
): readonly string[] {
  return leaveOut(images, bases, silent).requires.map(({ digest }) => digest);
}

test('layers that an image of the base has below are left out, with the base and that image', (t) => {
  const { requires, base } = leaveOut([fresh], [baseOfImages('dir', 'bundle soc 1', [[old]])], silent);
  t.deepEqual(base, ['bundle soc 1']);
  const rest = { base: 'bundle soc 1', image: old.reference };
  t.deepEqual(
    requires,
    fresh.layers.slice(0, 2).map(({ mediaType, digest, size }) => ({ mediaType, digest, size, ...rest })),
  );
  t.deepEqual(digests(carriedOf([fresh], requires)[0]?.layers ?? []), digests([tool]));
});

test('a layer that stands on other layers at the base is carried: engines know it by its whole stack', (t) => {
  const moved = image(
    'moved:1',
    [python, system].flatMap((one) => one ?? []),
  );
  t.deepEqual(requiredOf([fresh], baseOfImages('dir', 'bundle soc 1', [[moved]])), []);
});

test('a layer that was compressed anew is carried where the digests of the base are known, else it is left out', (t) => {
  const repacked = image('repacked:1', [layer('system', 'zstd'), layer('python', 'zstd')]);
  t.deepEqual(requiredOf([fresh], baseOfImages('dir', 'bundle soc 1', [[repacked]])), []);
  const inventory = baseOfImages('file', 'inventory of 1 host', [[unpacked(repacked)]]);
  t.deepEqual(requiredOf([fresh], inventory), digests([system, python]));
});

test('a layer that one image has on another stack is carried for all', (t) => {
  const odd = image(
    'odd:1',
    [python, tool].flatMap((one) => one ?? []),
  );
  const base = baseOfImages('dir', 'bundle soc 1', [[old]]);
  t.deepEqual(requiredOf([fresh, odd], base), digests([system]));
  t.deepEqual(requiredOf([odd, fresh], base), digests([system]));
});

test('a layer that an image has twice is left out only when both are at the base', (t) => {
  const twice = image(
    'twice:1',
    [system, python, system].flatMap((one) => one ?? []),
  );
  t.deepEqual(requiredOf([twice], baseOfImages('dir', 'bundle soc 1', [[old]])), digests([python]));
  t.deepEqual(requiredOf([twice], baseOfImages('dir', 'bundle soc 1', [[twice]])), digests([system, python]));
});

test('the far side has what any of several bases has; the first one counts', (t) => {
  const short = image(
    'short:1',
    [system].flatMap((one) => one ?? []),
  );
  const bases = [
    baseOfImages('one', 'bundle soc 1', [[short]]),
    baseOfImages('two', 'bundle soc 2', [[old]]),
  ];
  const { requires, base } = leaveOut([fresh], bases, silent);
  t.deepEqual(base, ['bundle soc 1', 'bundle soc 2']);
  t.deepEqual(
    requires.map(({ base: name }) => name),
    ['bundle soc 1', 'bundle soc 2'],
  );
});

test('of several hosts only what each of them has counts', (t) => {
  const short = image(
    'short:1',
    [system].flatMap((one) => one ?? []),
  );
  const base = (hosts: readonly LockedImage[][]): ReturnType<typeof baseOfImages> =>
    baseOfImages(
      'file',
      'inventory',
      hosts.map((images) => images.map(unpacked)),
    );
  t.deepEqual(requiredOf([fresh], base([[old], [short]])), digests([system]));
  t.deepEqual(requiredOf([fresh], base([[old], []])), []);
  t.deepEqual(requiredOf([fresh], base([])), []);
});

test('a base with nothing that is needed is told, and nothing else of it is in the bundle', (t) => {
  const events: Event[] = [];
  const bases = [
    baseOfImages('useful', 'bundle soc 1', [[old]]),
    baseOfImages('useless', 'bundle other 1', [[image('else:1', [layer('else')])]]),
    baseOfImages('second', 'bundle soc 2', [[old]]),
  ];
  const { base } = leaveOut([fresh], bases, (event) => void events.push(event));
  t.deepEqual(base, ['bundle soc 1']);
  const told = events.flatMap((event) => (event.type === 'note' ? event.message : []));
  t.deepEqual(told, ['useless has none of the layers that are needed: nothing is left out for it']);
});

test('what is intact of a damaged bundle is left out wherever it stands', (t) => {
  const odd = image(
    'odd:1',
    [python, tool].flatMap((one) => one ?? []),
  );
  const remains = baseOfBlobs('lost.json', 'damaged bundle soc 1', [python?.digest ?? 'sha256:']);
  t.deepEqual(requiredOf([fresh, odd], remains), digests([python]));
});

test('a layer that is at the same time a document of an image is carried', (t) => {
  const { config } = old;
  const odd = image('odd:1', [{ ...config, diffId: digestOf('odd') }]);
  t.deepEqual(requiredOf([old, odd], baseOfBlobs('lost.json', 'damaged bundle soc 1', [config.digest])), []);
});

test('names from files are kept on one line, and images that have no proper name are not named', (t) => {
  const odd = { ...old, reference: 'not a name\n' };
  const { requires, base } = leaveOut([fresh], [baseOfImages('dir', 'at\u001b[31m\nhost', [[odd]])], silent);
  t.deepEqual(base, ['at [31m host']);
  t.true(requires.length === 2 && requires.every((blob) => !('image' in blob)));
});
