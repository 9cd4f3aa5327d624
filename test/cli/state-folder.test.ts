import path from 'node:path';
import { noHome } from '../../src/cli/context.ts';
import test from 'ava';
import { stateFolderOf } from '../../src/cli/state-folder.ts';

const user = { env: {}, home: '/home/soc', uid: 1000 };
const root = { env: {}, home: '/root', uid: 0 };

test('root remembers for the machine, everybody else at home', (t) => {
  t.is(stateFolderOf(root, undefined), '/var/lib/packferry');
  t.is(stateFolderOf(user, undefined), '/home/soc/.local/state/packferry');
});

test('the folder that is given wins, then PACKFERRY_STATE, then XDG_STATE_HOME', (t) => {
  const env = { PACKFERRY_STATE: '/srv/state', XDG_STATE_HOME: '/xdg' };
  t.is(stateFolderOf({ ...user, env }, '/given'), '/given');
  t.is(stateFolderOf({ ...root, env }, ''), '/srv/state');
  t.is(stateFolderOf({ ...user, env: { ...env, PACKFERRY_STATE: '' } }, undefined), '/xdg/packferry');
  t.is(stateFolderOf(user, 'here'), path.resolve('here'));
});

test('a relative XDG_STATE_HOME does not count, as the specification says', (t) => {
  const env = { XDG_STATE_HOME: 'relative' };
  t.is(stateFolderOf({ ...user, env }, undefined), '/home/soc/.local/state/packferry');
});

test('a relative PACKFERRY_STATE is refused: what is remembered must not depend on the current folder', (t) => {
  const env = { PACKFERRY_STATE: 'state' };
  const error = t.throws(() => stateFolderOf({ ...root, env }, undefined), { code: 'E_USAGE' });
  t.regex(error.message, /PACKFERRY_STATE.*"state"/);
});

test('a user without a home has no state folder, unless one is named', (t) => {
  const nobody = { env: {}, home: noHome, uid: 54321 };
  t.is(stateFolderOf(nobody, undefined), undefined);
  t.is(stateFolderOf({ ...nobody, env: { PACKFERRY_STATE: '/srv/state' } }, undefined), '/srv/state');
});
