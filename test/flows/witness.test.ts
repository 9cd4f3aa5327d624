import { readFileSync, existsSync } from 'node:fs';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { digestOf, hexOf } from '../../src/core/digest.ts';
import type { LockedImage } from '../../src/core/image.ts';
import { throwUnresolved, type Resolved } from '../../src/flows/resolve.ts';
import { readWitnessPage } from '../../src/pack/witness-page.ts';
import { askWitness } from '../../src/flows/witness.ts';
import { errorOf, folderWith } from '../helpers/pack-folder.ts';
import { projectRoot } from '../helpers/pack-root.ts';

const [manifest, config, other] = ['manifest', 'config', 'other'].map(digestOf);

function locked(reference: string): LockedImage {
  const descriptor = (name: string): LockedImage['manifest'] => {
    return { mediaType: 'x', digest: digestOf(name), size: 1 };
  };
  return {
    ...{ reference, platform: { os: 'linux', architecture: 'amd64' }, source: 'registry://docker.io' },
    ...{ manifest: descriptor('manifest'), config: descriptor('config'), layers: [] },
  };
}

interface Page {
  readonly title?: string;
  readonly id?: string | undefined;
  readonly signed?: string | undefined;
}

function page({ title = 'demisto/a:1.0', id, signed }: Page): string {
  return [
    `# \`${title}\``,
    '',
    '## Docker Metadata',
    ...(id === undefined ? [] : [`- Image ID: \`${id}\``]),
    ...(signed === undefined
      ? []
      : [
          '## Docker Trust',
          '```',
          'SIGNED TAG   DIGEST   SIGNERS',
          `0.9   ${hexOf(digestOf('older'))}   (Repo Admin)`,
          `1.0   ${signed.slice('sha256:'.length)}   (Repo Admin)`,
          '  Repository Key:\tdd922c',
          '```',
        ]),
    '## `Python Packages`',
    `1.0 ${hexOf(digestOf('no row of the table'))}`,
  ].join('\n');
}

async function ask(t: ExecutionContext, files: Record<string, string>, reference: string): Promise<Resolved> {
  const folder = await folderWith(t, files);
  const resolved = { images: [{ image: locked(reference), usedBy: [] }], errors: [] };
  return askWitness(resolved, folder, new AbortController().signal);
}

const says = test.macro(
  async (
    t,
    text: Page | undefined,
    answer: 'agrees' | 'absent' | 'disagrees',
    ...[reference = 'docker.io/demisto/a:1.0']: string[]
  ) => {
    const resolved = await ask(t, text === undefined ? {} : { 'demisto/a/1.0.md': page(text) }, reference);
    const said = resolved.disputes?.has(reference) === true ? 'disagrees' : resolved.images[0]?.witness;
    t.is(said, answer);
    t.is(resolved.images.length, 1);
    const error = resolved.disputes?.get(reference);
    if (answer !== 'disagrees') {
      t.notThrows(() => throwUnresolved(resolved));
      return;
    }
    t.is(error?.code, 'E_DIGEST_MISMATCH');
    t.true(error?.message.startsWith(`${reference}: `));
    await errorOf(t, 'E_DIGEST_MISMATCH', () => throwUnresolved(resolved));
  },
);

test('both digests agree', says, { id: config, signed: manifest }, 'agrees');
test('an old page without signature', says, { id: config }, 'agrees');
test('only a signature', says, { signed: manifest }, 'agrees');
test('another image ID', says, { id: other, signed: manifest }, 'disagrees');
test('another manifest', says, { id: config, signed: other }, 'disagrees');
test('no page', says, undefined, 'absent');
test('a page without digests', says, {}, 'absent');
test('an image ID that is no digest', says, { id: 'sha256:1' }, 'absent');
test('a page on another image', says, { title: 'demisto/a:2.0', id: other }, 'absent');
test('the same name on another registry', says, { id: other }, 'absent', 'ghcr.io/demisto/a:1.0');
test('an image without tag', says, { id: other }, 'absent', `docker.io/demisto/a@${digestOf('x')}`);

test('no folder', async (t) => {
  const resolved = { images: [], errors: [] };
  const folder = await folderWith(t, { file: '' });
  for (const wrong of ['none', 'file']) {
    await errorOf(t, 'E_USAGE', () =>
      askWitness(resolved, path.join(folder, wrong), new AbortController().signal),
    );
  }
});

const samples = path.join(projectRoot, '..', 'shared', 'corpus', 'dockerfiles-info-samples');
test('real pages', (t) => {
  if (!existsSync(samples)) {
    t.log(`not read: there is no ${path.relative(projectRoot, samples)}`);
    t.pass();
    return;
  }
  const read = (file: string, tag: string): ReturnType<typeof readWitnessPage> => {
    const [name = ''] = file.split('_');
    return readWitnessPage(readFileSync(path.join(samples, file), 'utf8'), `demisto/${name}:${tag}`, tag);
  };
  t.deepEqual(read('python3_last.md', '3.12.13.12042988'), {
    imageId: 'sha256:968cd5e931c0398d41c7a4cc479a7b6d86718fbb8d47e8e0b5959ecfa4ef648c',
    manifest: 'sha256:a0f3f58ac60a2a4d1c319220bb936e3770dc0d7002a66c3931b045b1949c0ab9',
  });
  t.deepEqual(read('7zip_last.md', 'latest'), {
    imageId: 'sha256:ce458a75f272ccc37057d388ead6da966dad926e856c46f710f07cc677241cfd',
    manifest: undefined,
  });
  t.is(read('python3_last.md', 'last'), undefined);
});
