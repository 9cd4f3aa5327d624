import { execFileSync } from 'node:child_process';
import path from 'node:path';
import test from 'ava';
import { tellingTouch } from '../../src/ssh/touch.ts';
import { withFolder } from '../helpers/bundle-fixture.ts';

test('what ssh only tells goes to standard error; nothing that it asks is answered', async (t) => {
  await withFolder(async (folder) => {
    const { SSH_ASKPASS = '', DISPLAY } = await tellingTouch({}, folder);
    t.is(path.dirname(SSH_ASKPASS), folder);
    t.truthy(DISPLAY);
    const told = 'Confirm user presence for key ED25519-SK SHA256:abc';
    const say = ['-c', '"$0" "$1" 2>&1', SSH_ASKPASS, told];
    const env = { SSH_ASKPASS_PROMPT: 'none', PATH: process.env['PATH'] };
    t.is(execFileSync('sh', say, { env }).toString(), `${told}\n`);
    t.throws(() => execFileSync(SSH_ASKPASS, ['Enter PIN for ED25519-SK key:']), {
      message: /Command failed/,
    });
  });
});

test('a program for questions of the user stays, and a display too', async (t) => {
  await withFolder(async (folder) => {
    const own = { SSH_ASKPASS: '/usr/bin/ksshaskpass', DISPLAY: ':1' };
    t.deepEqual(await tellingTouch(own, folder), own);
    t.is((await tellingTouch({ DISPLAY: ':1' }, folder))['DISPLAY'], ':1');
  });
});
