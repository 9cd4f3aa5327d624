import { mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { withBundleFixture, type BundleFixture } from '../helpers/bundle-fixture.ts';
import { execTool, type ExecResult } from '../helpers/system-exec.ts';
import { needing, systemTools, type ToolName } from '../helpers/system-tools.ts';

/** Runs load.sh of a bundle with one of the shells, checking only. */
type Check = (signer?: string) => Promise<ExecResult>;

async function withShell(
  shell: readonly [ToolName | 'sh', ...string[]],
  use: (dir: string, check: Check, fixture: BundleFixture) => Promise<void>,
): Promise<void> {
  await withBundleFixture(async (fixture) => {
    const dir = path.join(fixture.folder, 'a bundle');
    const zip = path.join(fixture.folder, 'HelloWorld.zip');
    await writeFile(zip, 'the bytes of a pack');
    const content = { ...fixture.content(), packs: [{ id: 'HelloWorld', version: '1.2.3', zip }] };
    await fixture.write(dir, { content });
    await writeFile(path.join(fixture.folder, 'allowed_signers'), fixture.allowedLine);
    const [program, ...first] = shell;
    const command = program === 'sh' ? 'sh' : systemTools().path(program);
    // From another folder, with a relative name of the keys.
    const check: Check = (signer = 'test-builder') =>
      execTool(command, [...first, path.join(dir, 'load.sh'), 'allowed_signers', signer, '--check'], {
        cwd: fixture.folder,
      });
    await use(dir, check, fixture);
  });
}

const shells = [
  ['sh', ['sh'] as const, ['ssh-keygen'] as const],
  ['busybox sh', ['busybox', 'sh'] as const, ['ssh-keygen', 'busybox'] as const],
] as const;

async function refuses(t: ExecutionContext, check: Check, words: string): Promise<void> {
  const { status, stderr } = await check();
  t.is(status, 4, stderr);
  t.true(stderr.includes(words), stderr);
}

for (const [name, shell, needs] of shells) {
  test(
    `load.sh in ${name}: a good bundle is good, with packs and litter`,
    needing(needs, async (t) => {
      await withShell(shell, async (dir, check) => {
        await mkdir(path.join(dir, 'System Volume Information'));
        await writeFile(path.join(dir, 'packs', '._HelloWorld.zip'), 'x');
        const { status, stdout, stderr } = await check();
        t.is(status, 0, stderr);
        t.true(stdout.includes('The bundle is good.'));
      });
    }),
  );
  test(
    `load.sh in ${name}: refuses what verify refuses`,
    needing(needs, async (t) => {
      await withShell(shell, async (dir, check) => {
        t.is((await check('somebody-else')).status, 4);
        for (const extra of ['zz.tar', '.hidden', '-rf', 'packs/Other.zip']) {
          await writeFile(path.join(dir, extra), 'x');
          await refuses(t, check, extra);
          await rm(path.join(dir, extra));
        }
        await symlink('/etc/passwd', path.join(dir, 'link'));
        await refuses(t, check, 'link');
        await rm(path.join(dir, 'link'));
        await writeFile(path.join(dir, 'packs', 'HelloWorld.zip'), 'other bytes');
        await refuses(t, check, 'damaged');
      });
    }),
  );
}
