import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { PackferryError } from '../../src/core/errors.ts';
import { withBundleFixture } from '../helpers/bundle-fixture.ts';
import { runCli } from '../helpers/cli-run.ts';
import { writeFile } from 'node:fs/promises';
import { exportOf } from '../helpers/crafted-export.ts';
import { duplicates, name } from '../helpers/crafted-saves.ts';
import { signAgain } from '../helpers/signed-again.ts';

for (const [what, bytes] of Object.entries(duplicates)) {
  test(`threat 13: refused in a save, and no bundle is written: ${what}`, async (t) => {
    const { status, stderr, isWritten } = await exportOf(bytes, name);
    t.is(status, 4, stderr);
    t.regex(stderr, /error\[E_(ARCHIVE_MALFORMED|JSON_INVALID)\]: .*save\.tar/);
    t.false(isWritten);
  });
}

/** Documents that two readers understand in different ways, made of a good one. */
const documents: Readonly<Record<string, (text: string) => string>> = {
  'images twice': (text) => text.replace('"images"', '"images": [], "images"'),
  'images and Images': (text) => text.replace('"images"', '"Images": [], "images"'),
  'images and images with an escape': (text) => text.replace('"images"', '"\\u0069mages": [], "images"'),
  'a digest twice, deep inside': (text) => text.replace('"digest"', '"digest": "sha256:0", "digest"'),
  'a digest and one with a long s': (text) => text.replace('"digest"', '"dige\u017ft": "sha256:0", "digest"'),
  'a second document': (text) => text + text,
  'something behind the end': (text) => `${text}x`,
  'a NUL behind the end': (text) => `${text}\0`,
  'a byte order mark': (text) => `\ufeff${text}`,
  'a comment': (text) => text.replace('{', '{ /* x */'),
};

test('threat 13: refused in bundle.json, although it is signed; no target is touched', async (t) => {
  await withBundleFixture(async ({ folder, write, open, signer, allowedLine }) => {
    const [bundle, trusted] = [path.join(folder, 'bundle'), path.join(folder, 'trusted')];
    await write(bundle);
    await writeFile(trusted, allowedLine);
    const text = await readFile(path.join(bundle, 'bundle.json'), 'utf8');
    for (const [what, change] of Object.entries(documents)) {
      const changed = change(text);
      t.not(changed, text, what);
      await signAgain(bundle, signer, { 'bundle.json': Buffer.from(changed) });
      const error = await t.throwsAsync(open(bundle), { instanceOf: PackferryError }, what);
      t.is(error.code, 'E_JSON_INVALID', `${what}: ${error.message}`);
      t.true(error.message.startsWith('bundle.json: '), error.message);
    }
    const target = path.join(folder, 'target');
    const ran = await runCli(['import', bundle, '--trusted-keys', trusted, '--to', `oci:${target}`]);
    t.is(ran.status, 4, ran.stderr);
    t.regex(ran.stderr, /error\[E_JSON_INVALID\]: bundle\.json: no acceptable JSON/);
    t.false(existsSync(target));
  });
});
