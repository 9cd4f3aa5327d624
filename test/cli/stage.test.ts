import test from 'ava';
import { runCli } from '../helpers/cli-run.ts';

for (const option of [['--stage'], ['--stage-dir', '/data']]) {
  test(`${option.join(' ')} without a target over SSH: nothing can be staged, and nothing is touched`, async (t) => {
    const { status, stderr } = await runCli([
      ...['copy', 'demisto/python3:1', '--to', 'oci:nowhere'],
      ...option,
    ]);
    t.is(status, 2, stderr);
    t.true(stderr.includes('E_USAGE'), stderr);
    t.true(stderr.includes('ssh://'), stderr);
  });
}

test('--stage goes by where an engine is, not by how it is written', async (t) => {
  // Nobody listens there: that is what is told then.
  const far = { DOCKER_HOST: 'ssh://root@127.0.0.1:1' };
  const copying = ['copy', 'demisto/python3:1', '--from', 'oci:nowhere', '--to', 'docker:', '--stage'];
  const there = await runCli([...copying, '--ssh-config', 'none'], { env: far });
  t.true(there.stderr.includes('E_SSH_UNREACHABLE'), there.stderr);
  const here = await runCli(copying, { env: { DOCKER_HOST: 'unix:///nowhere.sock' } });
  t.is(here.status, 2, here.stderr);
  t.true(here.stderr.includes('E_USAGE'), here.stderr);

  const comparing = ['sync', '--images', 'acme/*', '--host', 'docker:', '--host', 'podman:unix:///nowhere'];
  const hosts = await runCli([...comparing, '--stage', '--ssh-config', 'none'], { env: far });
  t.true(hosts.stderr.includes('E_SOURCE_UNREACHABLE'), hosts.stderr);
  t.true((await runCli([...comparing, '--stage'])).stderr.includes('E_USAGE'));
});
