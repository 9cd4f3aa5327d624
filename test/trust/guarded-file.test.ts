import { chmod, chown, mkdir, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { checkGuarded, currentUser, looseModeOf } from '../../src/trust/guarded-file.ts';
import { fault, withTempDir } from './fixtures.ts';

/** Runs with a file in a folder of a home, all of them safe. */
function withFile(
  body: (at: (...parts: string[]) => string, file: string, home: string) => Promise<void>,
): Promise<void> {
  return withTempDir(async (home) => {
    const at = (...parts: string[]): string => path.join(home, ...parts);
    await mkdir(at('conf', 'packferry'), { recursive: true });
    const file = at('conf', 'packferry', 'allowed_signers');
    await writeFile(file, '');
    await chmod(file, 0o644);
    for (const folder of [at('conf'), at('conf', 'packferry')]) await chmod(folder, 0o755);
    await body(at, file, home);
  });
}

const unsafe = fault('E_TRUST_UNSAFE');

test('a file that only its owner can change is safe', (t) =>
  withFile(async (_, file, home) => {
    await t.notThrowsAsync(() => checkGuarded(file, home));
    t.is(await looseModeOf(file), undefined);
  }));

test('a file that its group or everybody can write is refused with the command that mends it', (t) =>
  withFile(async (_, file, home) => {
    for (const mode of [0o664, 0o646]) {
      await chmod(file, mode);
      const error = await t.throwsAsync(() => checkGuarded(file, home), {
        ...unsafe,
        message: new RegExp(`${file} can be changed by others \\(mode 0${mode.toString(8)}\\)`),
      });
      t.regex((error as { hint?: string }).hint ?? '', new RegExp(`chmod go-w ${file}$`));
      t.is(await looseModeOf(file), `0${mode.toString(8)}`);
    }
  }));

test('a folder above in which others could lay another file is refused, and not one outside the home', (t) =>
  withFile(async (at, file, home) => {
    await chmod(at('conf'), 0o775);
    await t.throwsAsync(() => checkGuarded(file, home), {
      ...unsafe,
      message: /conf can be changed by others/,
    });
    await t.notThrowsAsync(() => checkGuarded(file, at('conf', 'packferry')));
  }));

test('a folder with the sticky bit may be open, since nobody can replace there what is not theirs', (t) =>
  withFile(async (at, file, home) => {
    await chmod(at('conf'), 0o1777);
    await t.notThrowsAsync(() => checkGuarded(file, home));
  }));

test('of a link, the file that it leads to counts, and the folders of that', (t) =>
  withFile(async (at, file, home) => {
    await mkdir(at('shared'));
    await writeFile(at('shared', 'keys'), '');
    await chmod(at('shared'), 0o777);
    await symlink(at('shared', 'keys'), at('conf', 'packferry', 'link'));
    await t.throwsAsync(() => checkGuarded(at('conf', 'packferry', 'link'), home), {
      ...unsafe,
      message: /shared can be changed by others/,
    });
    await symlink(at('nowhere'), at('conf', 'packferry', 'broken'));
    await t.throwsAsync(
      () => checkGuarded(at('conf', 'packferry', 'broken'), home),
      fault('E_TRUST_UNREADABLE'),
    );
    await t.notThrowsAsync(() => checkGuarded(file, home));
  }));

test('a file of another user is refused', (t) =>
  withFile(async (_, file, home) => {
    if (currentUser() !== 0) {
      t.log('only root can give a file away');
      t.pass();
      return;
    }
    await chown(file, 12_345, 0);
    await t.throwsAsync(() => checkGuarded(file, home), {
      ...unsafe,
      message: /belongs to the user 12345, not to root/,
    });
  }));

test('a link that others could exchange is refused, however safe the file is that it leads to', (t) =>
  withFile(async (at, file, home) => {
    await mkdir(at('loose'));
    await symlink(file, at('loose', 'allowed_signers'));
    await t.notThrowsAsync(() => checkGuarded(at('loose', 'allowed_signers'), home));
    await chmod(at('loose'), 0o777);
    const refused = { ...unsafe, message: /loose can be changed by others/ };
    await t.throwsAsync(() => checkGuarded(at('loose', 'allowed_signers'), home), refused);
    // The same where a folder is the link, or a link leads to another.
    await symlink(at('conf', 'packferry'), at('loose', 'folder'));
    await t.throwsAsync(() => checkGuarded(at('loose', 'folder', 'allowed_signers'), home), refused);
    await symlink(at('loose', 'allowed_signers'), at('conf', 'first'));
    await t.throwsAsync(() => checkGuarded(at('conf', 'first'), home), refused);
    await symlink('round', at('conf', 'round'));
    await t.throwsAsync(() => checkGuarded(at('conf', 'round'), home), fault('E_TRUST_UNREADABLE'));
  }));
