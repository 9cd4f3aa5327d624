import { spawnSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { parseSshTime } from '../../src/trust/ssh-time.ts';
import { sshKeygen, withSshKeygen } from '../helpers/ssh-keygen.ts';
import { bundleNamespace } from '../../src/trust/verify.ts';
import { forge, message, newEd25519, withTempDir } from './fixtures.ts';

const isTime = test.macro({
  exec: (t, text: string, expected: string) => t.is(parseSshTime(text)?.toISOString(), expected),
  title: (_given, text: string) => `${text} is a time`,
});

test(isTime, '20261123Z', '2026-11-23T00:00:00.000Z');
test(isTime, '202611231405Z', '2026-11-23T14:05:00.000Z');
test(isTime, '20261123140509Z', '2026-11-23T14:05:09.000Z');
test(isTime, '20280229Z', '2028-02-29T00:00:00.000Z');
test(isTime, '19700101000001Z', '1970-01-01T00:00:01.000Z');
test(isTime, '99991231235959Z', '9999-12-31T23:59:59.000Z');

const isNoTime = test.macro({
  exec: (t, text: string) => t.is(parseSshTime(text), undefined),
  title: (_given, text: string) => `${JSON.stringify(text)} is no time`,
});

test(isNoTime, '');
test(isNoTime, 'Z');
test(isNoTime, '2026112Z');
test(isNoTime, '2026112314Z');
test(isNoTime, '2026-11-23Z');
test(isNoTime, '20261123T1405Z');
test(isNoTime, ' 20261123Z');
test(isNoTime, '20261123z');
test(isNoTime, '20261123UTC');
test(isNoTime, '20261301Z');
test(isNoTime, '20260001Z');
test(isNoTime, '20260230Z');
test(isNoTime, '20270229Z');
test(isNoTime, '20261131Z');
test(isNoTime, '202611232400Z');
test(isNoTime, '202611231460Z');
test(isNoTime, '20261123140560Z');
test(isNoTime, '19700101Z');
test(isNoTime, '19691231Z');
test(isNoTime, '00990101Z');

/** Parsed in another process, since a time zone belongs to a process. */
function parseThere(text: string, timeZone: string): string {
  const module = new URL('../../src/trust/ssh-time.js', import.meta.url).href;
  const script = `import { parseSshTime } from ${JSON.stringify(module)};
    process.stdout.write(parseSshTime(${JSON.stringify(text)}).toISOString())`;
  const { stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
    env: { ...process.env, TZ: timeZone },
    encoding: 'utf8',
  });
  return stdout;
}

const isLocal = test.macro({
  exec: async (t, text: string, timeZone: string, expected: string) => {
    t.is(parseThere(text, timeZone), expected);
    await withSshKeygen(t, () =>
      withTempDir(async (folder) => {
        const key = newEd25519();
        await writeFile(path.join(folder, 'sig'), forge(key));
        await writeFile(path.join(folder, 'allowed'), `me valid-after="${text}" ${key.line}\n`);
        const isAdmittedAt = (time: Date): boolean => {
          const at = `verify-time=${time.toISOString().replace(/\D/g, '').slice(0, 14)}Z`;
          const args = [
            '-Y',
            'verify',
            '-f',
            'allowed',
            '-I',
            'me',
            '-n',
            bundleNamespace,
            '-s',
            'sig',
            '-O',
            at,
          ];
          return sshKeygen(args, { cwd: folder, input: message, timeZone }).ok;
        };
        t.true(isAdmittedAt(new Date(expected)));
        t.false(isAdmittedAt(new Date(Date.parse(expected) - 1000)));
      }),
    );
  },
  title: (_given, text: string, timeZone: string) => `${text} in ${timeZone} is what ssh-keygen takes it for`,
});

test(isLocal, '20260101', 'UTC', '2026-01-01T00:00:00.000Z');
test(isLocal, '20260101', 'Europe/Berlin', '2025-12-31T23:00:00.000Z');
test(isLocal, '202607011200', 'Europe/Berlin', '2026-07-01T11:00:00.000Z');
test(isLocal, '20260701', 'America/New_York', '2026-07-01T05:00:00.000Z');
test(isLocal, '20260101', 'Australia/Sydney', '2025-12-31T14:00:00.000Z');
test(isLocal, '20260701120000', 'Asia/Kolkata', '2026-07-01T06:30:00.000Z');
