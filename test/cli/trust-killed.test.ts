import { cp, rm } from 'node:fs/promises';
import path from 'node:path';
import process from 'node:process';
import { pathToFileURL } from 'node:url';
import test from 'ava';
import { launcher } from '../helpers/cli.ts';
import { execTool } from '../helpers/system-exec.ts';
import { withTrustSite } from '../helpers/trust-site.ts';

const killer = pathToFileURL(path.join(import.meta.dirname, '..', 'helpers', 'kill-at.js')).href;

/** More steps than an update takes. */
const mostSteps = 200;

test('an update that is killed before any of its steps: the old version or the new one counts whole, and a rerun ends it', async (t) => {
  await withTrustSite(async ({ newKey, add, policy, propose, at, folder, state, env, trust, list }) => {
    const [old, fresh, other] = [await newKey('old-key'), await newKey('new-key'), await newKey('other-key')];
    const next = at('next');
    await add(old, 'alice', ['--may-update-trust']);
    await add(fresh, 'bob', ['--may-update-trust'], next);
    await add(other, 'carol', ['--may-update-trust'], next);
    await policy({ threshold: 2 }, next);
    const file = await propose(next, 'u.json', [old, fresh, other]);
    await cp(folder, at('before'), { recursive: true });
    const counting = async (): Promise<string> => {
      const { version, threshold, keys } = await list();
      return `${version}: ${threshold} of ${keys.map(({ principals, status }) => `${principals} ${status}`).join(', ')}`;
    };
    const [before, after] = ['1: 1 of alice good', '2: 2 of bob good, carol good'];
    t.is(await counting(), before);

    const seen: string[] = [];
    for (let step = 1; step < mostSteps; step += 1) {
      await rm(folder, { recursive: true });
      await rm(state, { recursive: true, force: true });
      await cp(at('before'), folder, { recursive: true });
      const killing = { ...process.env, ...env, KILL_AT: String(step) };
      const argv = ['--import', killer, launcher, 'trust', 'update', file, '--dir', folder];
      const ran = await execTool(process.execPath, argv, { env: killing });
      const now = await counting();
      t.true(now === before || now === after, `step ${step}: ${now}`);
      seen.push(now);
      // Where everything was in place already, the killed run has only not said so.
      const again = await trust(['update', file]);
      t.is(again.status, 0, `step ${step}: ${again.stderr}`);
      t.is(await counting(), after);
      t.false((await list()).unfinishedUpdate, `step ${step}`);
      if (ran.status === 0) break;
    }
    t.true(seen.length > 20, `${seen.length} steps were tried`);
    t.deepEqual([...new Set(seen)], [before, after]);
    t.is(seen.lastIndexOf(before) + 1, seen.indexOf(after), 'it changes once');
  });
});
