import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { checkSignature, openBundle } from '../../src/bundle/open.ts';
import { PackferryError } from '../../src/core/errors.ts';
import { silent, type Event } from '../../src/core/events.ts';
import { inspectBundle } from '../../src/flows/inspect.ts';
import { bundleNamespace } from '../../src/trust/verify.ts';
import { fixtureTime, makeTrust, withBundleFixture } from '../helpers/bundle-fixture.ts';

test('the document that is shown as good is the one that was checked, not a second reading', async (t) => {
  await withBundleFixture(async (fixture) => {
    const dir = path.join(fixture.folder, 'bundle');
    await fixture.write(dir);
    const { allowed } = fixture;
    const signed = await checkSignature(dir, { allowed, now: fixtureTime, emit: silent });
    t.deepEqual(signed.document, (await fixture.open(dir)).document);
    t.is(signed.signers.length, 1);
    await writeFile(path.join(dir, 'bundle.json'), '{}');
    await t.throwsAsync(inspectBundle(dir, { allowed, now: fixtureTime, emit: silent }), {
      instanceOf: PackferryError,
      code: 'E_DIGEST_MISMATCH',
    });
  });
});

test('inspect warns of a further signature that is not by a trusted key', async (t) => {
  await withBundleFixture(async (fixture) => {
    const dir = path.join(fixture.folder, 'bundle');
    await fixture.write(dir);
    const { signer } = await makeTrust('stranger');
    const list = await readFile(path.join(dir, 'SHA256SUMS'));
    await writeFile(path.join(dir, 'SHA256SUMS.2.sig'), await signer.sign(list, bundleNamespace));
    const events: Event[] = [];
    const emit = (event: Event): void => void events.push(event);
    const report = await inspectBundle(dir, { allowed: fixture.allowed, now: fixtureTime, emit });
    t.is(report.signature, 'good');
    const [warning] = events;
    t.true(
      warning?.type === 'note' && warning.level === 'warning' && warning.message.includes('SHA256SUMS.2.sig'),
    );
  });
});

test('inspect with trusted keys notices an archive that is missing', async (t) => {
  await withBundleFixture(async (fixture) => {
    const dir = path.join(fixture.folder, 'bundle');
    await fixture.write(dir);
    await rm(path.join(dir, 'images-001.tar'));
    await t.throwsAsync(inspectBundle(dir, { allowed: fixture.allowed, now: fixtureTime, emit: silent }), {
      instanceOf: PackferryError,
      code: 'E_BUNDLE_INCOMPLETE',
    });
  });
});

test('what is no bundle is told in the words of verify, and what is damaged with what to do', async (t) => {
  await withBundleFixture(async (fixture) => {
    const dir = path.join(fixture.folder, 'bundle');
    await fixture.write(dir);
    const inspected = (folder: string): Promise<unknown> =>
      inspectBundle(folder, { now: fixtureTime, emit: silent });
    const verified = (folder: string): Promise<unknown> =>
      openBundle(folder, { allowed: fixture.allowed, now: fixtureTime, emit: silent });
    const empty = path.join(fixture.folder, 'empty');
    await mkdir(empty);
    for (const place of [
      path.join(fixture.folder, 'none'),
      path.join(dir, 'bundle.json'),
      empty,
      fixture.folder,
    ]) {
      const [one, other] = [await t.throwsAsync(inspected(place)), await t.throwsAsync(verified(place))];
      t.is(one.message, other.message);
      t.like(one, { code: 'E_BUNDLE_NOT_FOUND' });
    }
    await writeFile(path.join(dir, 'bundle.json'), '{');
    const torn = await t.throwsAsync(inspected(dir));
    t.true(torn.message.startsWith(`${dir}: bundle.json: `));
    t.regex(torn instanceof PackferryError ? (torn.hint ?? '') : '', /Copy it again/);
    await rm(path.join(dir, 'SHA256SUMS.sig'));
    const unsigned = await t.throwsAsync(inspected(dir), { code: 'E_BUNDLE_INCOMPLETE' });
    t.true(unsigned.message.endsWith('SHA256SUMS.sig is missing'));
  });
});
