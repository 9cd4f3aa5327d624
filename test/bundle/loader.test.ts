import { createHash } from 'node:crypto';
import { link, mkdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { openImporter } from '../../src/bundle/importer-file.ts';
import { bundleNamespace } from '../../src/trust/verify.ts';
import { makeTrust, withBundleFixture, type BundleFixture } from '../helpers/bundle-fixture.ts';
import { writeStandIn } from '../helpers/importer-file.ts';
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
    const importer = await openImporter(await writeStandIn(path.join(fixture.folder, 'importer')));
    const packs = [{ id: 'HelloWorld', version: '1.2.3', zip }];
    const content = { ...fixture.content(), packs, importer };
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
  ['bash', ['bash'] as const, ['ssh-keygen', 'bash'] as const],
  ['busybox sh', ['busybox', 'sh'] as const, ['ssh-keygen', 'busybox'] as const],
] as const;

async function refuses(t: ExecutionContext, check: Check, words: string): Promise<void> {
  const { status, stderr } = await check();
  t.is(status, 4, stderr);
  t.true(stderr.includes(words), stderr);
}

for (const [name, shell, needs] of shells) {
  test(
    `load.sh in ${name}: a good bundle is good, with packs, importer and litter`,
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
  test(
    `load.sh in ${name}: every further signature must be good, whoever made it`,
    needing(needs, async (t) => {
      await withShell(shell, async (dir, check, fixture) => {
        const second = path.join(dir, 'SHA256SUMS.2.sig');
        const list = await readFile(path.join(dir, 'SHA256SUMS'));
        const { signer, allowedLine } = await makeTrust('second-builder');
        await writeFile(second, await signer.sign(list, bundleNamespace));
        t.is((await check()).status, 0);
        t.is((await check('second-builder')).status, 4);
        await writeFile(path.join(fixture.folder, 'allowed_signers'), allowedLine);
        t.is((await check('second-builder')).status, 0);

        await writeFile(path.join(fixture.folder, 'allowed_signers'), fixture.allowedLine);
        const bad = [
          'junk',
          await signer.sign(Buffer.concat([list, list]), bundleNamespace),
          await signer.sign(list, 'file'),
        ];
        for (const text of bad) {
          await writeFile(second, text);
          await refuses(t, check, 'SHA256SUMS.2.sig');
        }
        await rm(second);
        await rm(path.join(dir, 'SHA256SUMS.sig'));
        await refuses(t, check, 'SHA256SUMS.sig is missing');
      });
    }),
  );
  test(
    `load.sh in ${name}: a line feed in a name does not bring a file past the list`,
    needing(needs, async (t) => {
      await withShell(shell, async (dir, check) => {
        for (const extra of ['README.txt\nzz.tar', 'packs/HelloWorld.zip\nx', '\nREADME.txt', 'a b', 'ä']) {
          await writeFile(path.join(dir, extra), 'x');
          await refuses(t, check, 'cannot be a file of a bundle');
          await rm(path.join(dir, extra));
        }
        await writeFile(path.join(dir, '._x\nThe bundle is good.'), 'x');
        t.false((await check('somebody-else')).stdout.split('\n').includes('The bundle is good.'));
      });
    }),
  );
  test(
    `load.sh in ${name}: refuses a file with several hard links`,
    needing(needs, async (t) => {
      await withShell(shell, async (dir, check, { folder }) => {
        for (const file of ['images-001.tar', 'packs/HelloWorld.zip', 'SHA256SUMS']) {
          await link(path.join(dir, file), path.join(folder, 'other name'));
          await refuses(t, check, file);
          await rm(path.join(folder, 'other name'));
        }
      });
    }),
  );
  test(
    `load.sh in ${name}: a list without archives is not a bundle that was loaded`,
    needing(needs, async (t) => {
      await withShell(shell, async (dir, check, { signer }) => {
        for (const file of ['images-001.tar', 'packs', 'bundle.json', 'packferry-linux-x64']) {
          await rm(path.join(dir, file), { recursive: true });
        }
        const lines: string[] = [];
        for (const file of ['README.txt', 'load.sh']) {
          const bytes = await readFile(path.join(dir, file));
          lines.push(`${createHash('sha256').update(bytes).digest('hex')}  ${file}\n`);
        }
        await writeFile(path.join(dir, 'SHA256SUMS'), lines.join(''));
        await writeFile(
          path.join(dir, 'SHA256SUMS.sig'),
          await signer.sign(Buffer.from(lines.join('')), bundleNamespace),
        );
        await refuses(t, check, 'no archive');
      });
    }),
  );
}
