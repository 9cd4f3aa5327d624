import { appendFile, copyFile, cp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import type { ErrorCode } from '../../../src/core/errors.ts';
import { trustUpdateReport } from '../../../src/schema/reports-trust.ts';
import { onTerminal } from '../../helpers/cli-answers.ts';
import { sshKeygen, withSshKeygen } from '../../helpers/ssh-keygen.ts';
import { withTrustSite, type SiteKey, type TrustSite } from '../../helpers/trust-site.ts';

const mayUpdate = ['--may-update-trust'];

type Names = 'alice' | 'bob' | 'carol' | 'dave';

interface Rotation extends TrustSite {
  readonly keys: Readonly<Record<Names, SiteKey>>;
  /** The folder of the next version, to be proposed. */
  readonly next: string;
  /** `trust update` of a file; its status, and the code of its error. */
  readonly update: (
    file: string,
    more?: readonly string[],
  ) => Promise<{ readonly code: ErrorCode | undefined; readonly stdout: string; readonly stderr: string }>;
}

/** A site that trusts alice and bob, and is to trust carol and dave; both versions want two signers. */
async function withRotation(use: (rotation: Rotation) => Promise<void>): Promise<void> {
  await withTrustSite(async (site) => {
    const { newKey, add, policy, at, trust } = site;
    const [alice, bob] = [await newKey('alice-key'), await newKey('bob-key')];
    const [carol, dave] = [await newKey('carol-key'), await newKey('dave-key')];
    const next = at('next');
    await add(alice, 'alice', mayUpdate);
    await add(bob, 'bob', mayUpdate);
    await add(carol, 'carol', mayUpdate, next);
    await add(dave, 'dave', mayUpdate, next);
    for (const where of [site.folder, next]) await policy({ threshold: 2 }, where);
    await use({
      ...site,
      keys: { alice, bob, carol, dave },
      next,
      update: async (file, more = []) => {
        const { stdout, stderr } = await trust(['update', file, ...more]);
        const [, code] = /error\[(E_[A-Z_]+)\]/.exec(stderr) ?? [];
        return { code: code as ErrorCode | undefined, stdout, stderr };
      },
    });
  });
}

test('an update by the threshold of both versions replaces all files; the old ones are kept', async (t) => {
  await withRotation(async ({ keys, next, propose, update, list, snapshot, state, folder }) => {
    const before = await snapshot();
    const file = await propose(next, 'u.json', [keys.alice, keys.bob, keys.carol, keys.dave]);
    const dry = await update(file, ['--dry-run']);
    t.is(dry.code, undefined, dry.stderr);
    for (const word of ['- alice', '- bob', '+ carol', '+ dave', 'version 1 -> 2'])
      t.true(dry.stdout.includes(word));
    t.deepEqual(await snapshot(), before);
    const { code, stdout, stderr } = await update(file, ['--json']);
    t.is(code, undefined, stderr);
    const report = trustUpdateReport.parse(JSON.parse(stdout));
    t.like(report, { status: 'updated', from: 1, to: 2 });
    t.deepEqual(
      report.signers?.before.map(({ principal }) => principal),
      ['alice', 'bob'],
    );
    t.deepEqual(
      report.signers?.after.map(({ principal }) => principal),
      ['carol', 'dave'],
    );
    const place = await list();
    t.like(place, { version: 2, threshold: 2, unfinishedUpdate: false });
    t.deepEqual(
      place.keys.map(({ principals, status }) => [principals, status]),
      [
        ['carol', 'good'],
        ['dave', 'good'],
      ],
    );
    t.deepEqual((await readdir(folder)).sort(), ['allowed_signers', 'policy.json', 'revoked_keys']);

    const kept = await readdir(path.join(state, 'trust'));
    const old = kept.find((name) => name.startsWith('version-0001-')) ?? '';
    t.is(
      await readFile(path.join(state, 'trust', old, 'allowed_signers'), 'utf8'),
      before['allowed_signers'] ?? '',
    );
    const brought = kept.find((name) => name.startsWith('update-0002-')) ?? '';
    t.deepEqual((await readdir(path.join(state, 'trust', brought))).sort(), [
      'trust-update.json',
      'trust-update.json.2.sig',
      'trust-update.json.3.sig',
      'trust-update.json.4.sig',
      'trust-update.json.sig',
    ]);
  });
});

interface Case {
  readonly signers: readonly Names[];
  readonly prepare?: (rotation: Rotation) => Promise<void>;
  readonly after?: (rotation: Rotation, file: string) => Promise<void>;
  readonly code: ErrorCode;
  readonly says: RegExp;
}

const refused = test.macro({
  async exec(t, { signers, prepare, after, code, says }: Case) {
    await withRotation(async (rotation) => {
      const { keys, next, propose, update, snapshot } = rotation;
      await prepare?.(rotation);
      const file = await propose(
        next,
        'u.json',
        signers.map((name) => keys[name]),
      );
      await after?.(rotation, file);
      const before = await snapshot();
      const ran = await update(file);
      t.is(ran.code, code, ran.stderr);
      t.regex(ran.stderr, says);
      t.true(ran.stderr.includes('hint: '));
      t.deepEqual(await snapshot(), before, 'the version that is there works on');
    });
  },
  title: (what) => `refused, and the old version stays: ${what}`,
});

const all: readonly Names[] = ['alice', 'bob', 'carol', 'dave'];
const few = 'E_UPDATE_SIGNERS';

test('the threshold of the old version only', refused, {
  ...{ signers: ['alice', 'bob'], code: few, says: /the files that it brings want those of 2/ },
});
test('the threshold of the new version only', refused, {
  ...{ signers: ['carol', 'dave'], code: few, says: /files that are there want those of 2/ },
});
test('one signer too few of the old version', refused, {
  ...{ signers: ['alice', 'carol', 'dave'], code: few, says: /count only alice/ },
});
test('nobody has signed', refused, { signers: [], code: few, says: /has 0 signatures/ });
test('one principal with two keys', refused, {
  signers: ['alice', 'carol', 'dave', 'bob'],
  // bob's key becomes the second key of alice.
  prepare: async ({ folder }) => {
    const file = path.join(folder, 'allowed_signers');
    await writeFile(file, (await readFile(file, 'utf8')).replace('bob namespaces', 'alice namespaces'));
  },
  ...{ code: few, says: /adds nobody: it is another key of the principal alice/ },
});
test('one key that has signed twice', refused, {
  signers: ['alice', 'carol', 'dave'],
  after: (_, file) => copyFile(`${file}.sig`, `${file}.9.sig`),
  ...{ code: few, says: /adds nobody: it is the same key again/ },
});
test('a key that has expired', refused, {
  signers: all,
  prepare: async ({ folder }) => {
    const file = path.join(folder, 'allowed_signers');
    const text = await readFile(file, 'utf8');
    await writeFile(file, text.replace('bob names', 'bob valid-before="20260101Z",names'));
  },
  ...{ code: few, says: /admitted it until 2026-01-01/ },
});
test('a key that is not valid yet in the new version', refused, {
  signers: all,
  prepare: async ({ next }) => {
    const file = path.join(next, 'allowed_signers');
    const text = await readFile(file, 'utf8');
    await writeFile(file, text.replace('dave names', 'dave valid-after="20300101Z",names'));
  },
  ...{ code: few, says: /admits it only from 2030-01-01/ },
});
test('a key that may sign bundles, but not updates', refused, {
  signers: all,
  prepare: async ({ folder }) => {
    const file = path.join(folder, 'allowed_signers');
    await writeFile(file, (await readFile(file, 'utf8')).replace(/(bob .*),trust-update@packferry/, '$1'));
  },
  ...{ code: few, says: /only, not for "trust-update@packferry"/ },
});
test('a key that is revoked here', refused, {
  signers: all,
  prepare: async ({ trust }) => {
    await trust(['revoke', 'bob', '--reason', 'stolen']);
  },
  ...{ code: few, says: /it is revoked/ },
});
test('a key that the update itself revokes: a stolen key does not choose its successor', refused, {
  signers: all,
  prepare: async ({ trust, keys, next }) => {
    await trust(['revoke', keys.bob.line, '--reason', 'stolen', '--dir', next]);
  },
  ...{ code: few, says: /it is revoked \(.*revokedKeys:2\)/ },
});
test('a key of the new version that this site has revoked', refused, {
  signers: all,
  prepare: async ({ trust, keys }) => {
    await trust(['revoke', keys.dave.line, '--reason', 'we know better']);
  },
  ...{ code: few, says: /the files that it brings.*\n?/ },
});
test('a version is left out', refused, {
  ...{ signers: all, code: 'E_UPDATE_VERSION', says: /update 2 is missing/ },
  prepare: ({ policy, next }) => policy({ threshold: 2, version: 2 }, next),
});
test('several versions are left out', refused, {
  ...{ signers: all, code: 'E_UPDATE_VERSION', says: /updates 2 to 6 are missing/ },
  prepare: ({ policy, next }) => policy({ threshold: 2, version: 6 }, next),
});
test('an older version', refused, {
  ...{ signers: all, code: 'E_UPDATE_VERSION', says: /of version 9 already/ },
  prepare: ({ policy }) => policy({ threshold: 2, version: 9 }),
});
test('the same version with other content', refused, {
  ...{ signers: all, code: 'E_UPDATE_VERSION', says: /of version 2 already, with other content/ },
  prepare: ({ policy }) => policy({ threshold: 2, version: 2 }),
});
test('an update that was changed after it was signed', refused, {
  signers: all,
  after: async (_, file) => {
    await writeFile(file, (await readFile(file, 'utf8')).replace('"threshold": 2', '"threshold": 1'));
  },
  ...{ code: 'E_SIGNATURE_INVALID', says: /does not belong to this content/ },
});
test('one broken signature among good ones', refused, {
  signers: all,
  after: (_, file) => writeFile(`${file}.5.sig`, 'none'),
  ...{ code: 'E_SIGNATURE_INVALID', says: /u\.json\.5\.sig/ },
});

const changed = (change: (text: string) => string): Pick<Case, 'signers' | 'after' | 'code'> => ({
  signers: [],
  after: async (_, file) => writeFile(file, change(await readFile(file, 'utf8'))),
  code: 'E_UPDATE_INVALID',
});
test('an unknown key', refused, { ...changed((text) => text.replace('{', '{"extra": 1,')), says: /extra/ });
test('a key that stands twice', refused, {
  ...changed((text) => text.replace('"version": 2,', '"version": 2, "Version": 3,')),
  says: /stands twice/,
});
test('two versions that contradict each other', refused, {
  ...changed((text) => text.replace('"version": 2', '"version": 3')),
  says: /makes version 3.*of version 2/,
});
for (const version of ['-1', '1', '2.5', '1e309', '"2"', '9007199254740993']) {
  test(`a version that is none: ${version}`, refused, {
    ...changed((text) => text.replaceAll('"version": 2', `"version": ${version}`)),
    says: /u\.json/,
  });
}
test('a line of trusted keys with a mistake', refused, {
  ...changed((text) => text.replace('carol namespaces', 'carol namespace')),
  says: /allowedSigners:1: unknown option/,
});
test('nobody is trusted any more', refused, {
  ...changed((text) => text.replace(/"allowedSigners": "[^\n]*",\n/, '"allowedSigners": "",\n')),
  says: /no key stands in it/,
});

test('the same update twice is no fault: also without the memory of it, and with keys added since', async (t) => {
  await withRotation(async ({ keys, next, propose, update, snapshot, state }) => {
    const file = await propose(next, 'u.json', [keys.alice, keys.bob, keys.carol, keys.dave]);
    t.is((await update(file)).code, undefined);
    const after = await snapshot();
    await rm(state, { recursive: true });
    const again = await update(file);
    t.is(again.code, undefined, again.stderr);
    t.true(again.stderr.includes('is of version 2 already, by this same update'));
    t.deepEqual(await snapshot(), after);
  });
  await withRotation(async ({ keys, next, propose, update, add, newKey }) => {
    const file = await propose(next, 'u.json', [keys.alice, keys.bob, keys.carol, keys.dave]);
    t.is((await update(file)).code, undefined);
    await add(await newKey('eve-key'), 'eve');
    t.true((await update(file)).stderr.includes('by this same update'));
  });
});

test('what a site has revoked stays revoked, with its reason', async (t) => {
  await withRotation(async ({ keys, next, propose, update, list, trust, newKey, add, snapshot }) => {
    const eve = await newKey('eve-key');
    await add(eve, 'eve', [], next);
    t.is((await trust(['revoke', eve.line, '--reason', 'lost on the train'])).status, 0);
    const file = await propose(next, 'u.json', [keys.alice, keys.bob, keys.carol, keys.dave]);
    const { stdout, stderr } = await update(file);
    t.true(stdout.includes(`stays revoked, as this site decided: ${eve.fingerprint}`), stderr);
    t.regex(
      (await snapshot())['revoked_keys'] ?? '',
      /# kept.*\n# revoked .*: lost on the train\nssh-ed25519 /,
    );
    t.is((await list()).keys.find(({ principals }) => principals === 'eve')?.status, 'revoked');
  });
});

test('on a terminal it asks, and no changes nothing', async (t) => {
  await withRotation(async ({ keys, next, propose, env, snapshot, folder }) => {
    const file = await propose(next, 'u.json', [keys.alice, keys.bob, keys.carol, keys.dave]);
    const before = await snapshot();
    const question = `Update ${folder}? [y/N]`;
    const no = await onTerminal(['trust', 'update', file], [[question, 'n\n']], { env });
    t.is(no.status, 0);
    t.true(no.stderr.includes('+ carol') && no.stderr.includes('Nothing was changed.'));
    t.deepEqual(await snapshot(), before);
    t.is((await onTerminal(['trust', 'update', file], [[question, 'y\n']], { env })).status, 0);
    t.notDeepEqual(await snapshot(), before);
  });
});

test('where the old version cannot be kept nothing is changed', async (t) => {
  await withRotation(async ({ keys, next, propose, update, snapshot, at }) => {
    const file = await propose(next, 'u.json', [keys.alice, keys.bob, keys.carol, keys.dave]);
    const before = await snapshot();
    await writeFile(at('blocked'), '');
    const ran = await update(file, ['--state', at('blocked', 'state')]);
    t.is(ran.code, 'E_OUTPUT_UNWRITABLE');
    t.deepEqual(await snapshot(), before);
  });
});

test('a site without keys is told to add the first ones by hand', async (t) => {
  await withRotation(async ({ keys, next, propose, update, folder }) => {
    const file = await propose(next, 'u.json', [keys.carol, keys.dave]);
    await rm(path.join(folder, 'allowed_signers'));
    const ran = await update(file);
    t.is(ran.code, 'E_TRUST_UNREADABLE');
    t.true(ran.stderr.includes('packferry trust add'));
  });
});

test('signers add their signatures one after another, each once', async (t) => {
  await withRotation(async ({ keys, next, propose, update, trust, at }) => {
    const file = await propose(next, 'u.json', [keys.alice]);
    t.is((await trust(['propose', next, '-o', file])).status, 2, 'no update is written over');
    for (const key of [keys.bob, keys.carol, keys.bob, keys.dave]) {
      const ran = await trust(['sign', file, '--key', key.file]);
      t.is(ran.status, 0, ran.stderr);
    }
    t.is((await readdir(at())).filter((name) => name.startsWith('u.json')).length, 5);
    t.is((await update(file)).code, undefined);
  });
});

test('ssh-keygen verifies our signatures of updates, and signs such that we accept them', async (t) => {
  await withSshKeygen(t, async () => {
    await withRotation(async ({ keys, next, propose, update, at, folder }) => {
      const file = await propose(next, 'u.json', [keys.alice, keys.bob]);
      const verify = ['-Y', 'verify', '-f', path.join(folder, 'allowed_signers'), '-I', 'alice'];
      const input = await readFile(file);
      const named = [...verify, '-n', 'trust-update@packferry', '-s', `${file}.sig`];
      t.true(sshKeygen(named, { cwd: at(), input }).ok);
      t.false(sshKeygen([...verify, '-n', 'bundle@packferry', '-s', `${file}.sig`], { cwd: at(), input }).ok);
      for (const [number, key] of [keys.carol, keys.dave].entries()) {
        const copy = at(`copy-${number}`);
        await cp(file, copy);
        const signed = sshKeygen(['-Y', 'sign', '-n', 'trust-update@packferry', '-f', key.file, copy], {
          cwd: at(),
        });
        t.true(signed.ok, signed.stderr);
        await copyFile(`${copy}.sig`, `${file}.${number + 3}.sig`);
      }
      t.is((await update(file)).code, undefined);
    });
  });
});

test('a signature for bundles is none for updates', async (t) => {
  await withSshKeygen(t, async () => {
    await withRotation(async ({ keys, next, propose, update, at }) => {
      const file = await propose(next, 'u.json', []);
      t.true(
        sshKeygen(['-Y', 'sign', '-n', 'bundle@packferry', '-f', keys.alice.file, file], { cwd: at() }).ok,
      );
      t.is((await update(file)).code, 'E_SIGNATURE_INVALID');
    });
  });
});

test('files that have mistakes are not proposed; the mistake has its file and line', async (t) => {
  await withRotation(async ({ next, trust, at }) => {
    await appendFile(path.join(next, 'revoked_keys'), '# fine\nnonsense\n');
    const ran = await trust(['propose', next, '-o', at('u.json')]);
    t.is(ran.status, 2);
    t.true(ran.stderr.includes(`${path.join(next, 'revoked_keys')}:2: `), ran.stderr);
    t.false((await readdir(at())).includes('u.json'));
  });
});
