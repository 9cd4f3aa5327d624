import { mkdir, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { makeTrust, withFolder } from '../helpers/bundle-fixture.ts';
import { runCli } from '../helpers/cli-run.ts';

/** Verifies what is no bundle, with the user's trusted keys in `.config/packferry` of a new home. */
async function refuses(
  t: ExecutionContext,
  code: string,
  arrange: (config: string) => Promise<void>,
): Promise<void> {
  await withFolder(async (home) => {
    const config = path.join(home, '.config');
    await mkdir(config);
    await arrange(config);
    const { stderr } = await runCli(['verify', path.join(home, 'bundle')], { home });
    t.true(stderr.includes(`error[${code}]: `), stderr);
  });
}

test('the keys of the user are found', async (t) => {
  await refuses(t, 'E_BUNDLE_NOT_FOUND', async (config) => {
    await mkdir(path.join(config, 'packferry'));
    const { allowedLine } = await makeTrust('builder');
    await writeFile(path.join(config, 'packferry', 'allowed_signers'), allowedLine);
  });
});
test('trusted keys behind a path that cannot be followed are not taken as absent', async (t) => {
  // Fails for root too, as no permission would not. The key of the site is looked for first, in the same folder.
  await refuses(t, 'E_KEY_UNREADABLE', (config) => symlink('packferry', path.join(config, 'packferry')));
});
test('trusted keys behind a link that leads nowhere are not taken as absent', async (t) => {
  await refuses(t, 'E_TRUST_UNREADABLE', async (config) => {
    await mkdir(path.join(config, 'packferry'));
    await symlink('elsewhere', path.join(config, 'packferry', 'allowed_signers'));
  });
});
test('a file where the folder of the trusted keys would be means that there are none', async (t) => {
  await refuses(t, 'E_USAGE', (config) => writeFile(path.join(config, 'packferry'), ''));
});
