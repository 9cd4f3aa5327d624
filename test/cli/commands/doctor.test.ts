import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import path from 'node:path';
import test from 'ava';
import { stateCheck } from '../../../src/cli/doctor/machine-checks.ts';
import { doctorReport, type DoctorReport } from '../../../src/schema/reports-doctor.ts';
import { packferry } from '../../helpers/cli.ts';
import { withDockerd } from '../../helpers/system-dockerd.ts';
import { withTempFolder } from '../../helpers/system-service.ts';
import { needing } from '../../helpers/system-tools.ts';

interface Answer {
  readonly status: number;
  readonly report: DoctorReport;
}

/** Runs `doctor --json` in a home of its own. */
async function ask(home: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Answer> {
  const { PATH } = process.env;
  const own = { PATH, HOME: home, ...env };
  const { status, stdout } = await packferry(['doctor', '--json', ...args], { env: own });
  return { status, report: doctorReport.parse(JSON.parse(stdout)) };
}

const stateOf = ({ report }: Answer, id: string): unknown =>
  report.checks.find((one) => one.id === id)?.state;

test('an engine that was named and is not there fails, with the status that an import would have', async (t) => {
  await withTempFolder(async (home) => {
    const answer = await ask(home, ['--to', 'docker:unix:///nonexistent/docker.sock']);
    t.is(answer.status, 6);
    t.like(answer.report.checks.at(-1), { id: 'engine', state: 'fail', code: 'E_ENGINE_UNREACHABLE' });
    t.truthy(answer.report.checks.at(-1)?.hint);
    // Nobody is trusted yet, which is as it should be where bundles are made.
    t.is(stateOf(answer, 'trusted-keys'), 'warn');
    t.is(stateOf(answer, 'node'), 'ok');
  });
});

test('a socket that is no engine is told as that, and doctor does not hang', async (t) => {
  await withTempFolder(async (home) => {
    const socket = path.join(home, 'other.sock');
    const server = createServer((connection) => {
      // Of several questions at once, those behind the first are given up.
      connection.on('error', () => undefined);
      connection.end('hello\n');
    });
    await new Promise<void>((resolve) => server.listen(socket, resolve));
    try {
      const answer = await ask(home, ['--to', `docker:unix://${socket}`]);
      t.is(answer.status, 6);
      t.like(answer.report.checks.at(-1), { state: 'fail', code: 'E_ENGINE_PROTOCOL' });
    } finally {
      server.close();
    }
  });
});

test('trusted keys that others could change fail as they would for an import', async (t) => {
  await withTempFolder(async (home) => {
    const folder = path.join(home, '.config', 'packferry');
    await mkdir(folder, { recursive: true });
    const file = path.join(folder, 'allowed_signers');
    await writeFile(file, 'soc ssh-ed25519 AAAA\n');
    await chmod(file, 0o666);
    const answer = await ask(home, ['--to', 'docker:unix:///nonexistent/docker.sock']);
    t.is(answer.status, 2);
    t.like(
      answer.report.checks.find(({ id }) => id === 'trusted-keys'),
      { state: 'fail', code: 'E_TRUST_UNSAFE' },
    );
  });
});

test('the state folder need not be there yet, but what is in its place must be a folder', async (t) => {
  await withTempFolder(async (home) => {
    t.like(await stateCheck(path.join(home, 'not', 'yet')), { state: 'ok' });
    await writeFile(path.join(home, 'file'), '');
    t.like(await stateCheck(path.join(home, 'file', 'state')), { state: 'fail', code: 'E_STATE_UNUSABLE' });
    t.like(await stateCheck(undefined), { state: 'fail' });
  });
});

test.serial(
  'a Docker that is there: what it is, by what it was found, and how much room it has',
  needing(['dockerd', 'docker', 'root'], async (t) => {
    await withTempFolder(async (home) => {
      await withDockerd(async ({ socket, folder }) => {
        const env = { DOCKER_HOST: `unix://${socket}` };
        const { status, report } = await ask(home, ['--to', 'docker:', '--to', 'docker:?command'], env);
        t.is(status, 0);
        const [byApi, byCommand] = report.engines;
        t.like(byApi, {
          ...{ endpoint: 'docker:', name: `docker:unix://${socket}`, foundBy: 'DOCKER_HOST' },
          ...{ product: 'docker', store: 'classic', rootless: false, dataRoot: path.join(folder, 'data') },
        });
        t.regex(byApi?.version ?? '', /^\d+\./);
        t.true((byApi?.freeBytes ?? 0) > 0);
        t.deepEqual(
          { ...byCommand, ...{ endpoint: 'docker:', name: byApi?.name, foundBy: 'DOCKER_HOST' } },
          {
            ...byApi,
            freeBytes: byCommand?.freeBytes,
          },
        );
      });
    });
  }),
);
