import { createHash } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { PackferryError } from '../../src/core/errors.ts';
import { limits } from '../../src/core/limits.ts';
import { findDocker, findPodman } from '../../src/engine/docker-connection.ts';
import { parseSshEndpoint } from '../../src/engine/ssh-endpoint.ts';
import { parseEngine } from '../../src/flows/engine-endpoint.ts';
import { makeCertificate } from '../helpers/registry-certificate.ts';
import { withTempFolder } from '../helpers/system-service.ts';

type Variables = Record<string, string>;

const finds = test.macro(async (t, endpoint: string, environment: Variables, name: string) => {
  t.is((await findDocker(endpoint, environment)).name, name);
});

const standard = 'docker:unix:///var/run/docker.sock';

test('the usual socket', finds, 'docker:', {}, standard);
test('a socket', finds, 'docker:unix:///tmp/d.sock', {}, 'docker:unix:///tmp/d.sock');
test('a port', finds, 'docker:tcp://box:2376', {}, 'docker:tcp://box:2376');
test('the port of plain text when none is given', finds, 'docker:tcp://box', {}, 'docker:tcp://box:2375');
test('port 80 when it is given', finds, 'docker:tcp://box:80', {}, 'docker:tcp://box:80');
test('an IPv6 address', finds, 'docker:tcp://[::1]:2375', {}, 'docker:tcp://[::1]:2375');
test('DOCKER_HOST', finds, 'docker:', { DOCKER_HOST: 'unix:///a.sock' }, 'docker:unix:///a.sock');
test('DOCKER_HOST without scheme', finds, 'docker:', { DOCKER_HOST: 'box:1' }, 'docker:tcp://box:1');
test('an empty DOCKER_HOST', finds, 'docker:', { DOCKER_HOST: '' }, standard);
test(
  'what is written, whatever DOCKER_HOST says',
  finds,
  'docker:unix:///b.sock',
  { DOCKER_HOST: 'unix:///a.sock', DOCKER_CERT_PATH: '/certs' },
  'docker:unix:///b.sock',
);

const refuses = test.macro(async (t, endpoint: string, environment: Variables, saying: RegExp) => {
  const error = await t.throwsAsync(findDocker(endpoint, environment), { code: 'E_ENDPOINT_INVALID' });
  t.regex(error.message, saying);
});

test('refuses another scheme', refuses, 'podman:', {}, /podman:/);
test('refuses a relative socket', refuses, 'docker:unix://d.sock', {}, /absolute/);
test('refuses no socket', refuses, 'docker:unix://', {}, /absolute/);
test('refuses a path behind a port', refuses, 'docker:tcp://box:1/x', {}, /host and a port/);
test('refuses no host', refuses, 'docker:tcp://', {}, /no host/);
test('refuses a port that is none', refuses, 'docker:tcp://box:99999', {}, /no host/);
test(
  'refuses ssh, where only engines of this machine will do',
  refuses,
  'docker:ssh://root@box',
  {},
  /another machine/,
);
test(
  'refuses what docker does not take of ssh',
  refuses,
  'docker:',
  { DOCKER_HOST: 'ssh://box?x=1' },
  /DOCKER_HOST.*takes/,
);
test('refuses named pipes', refuses, 'docker:npipe:////./pipe/docker_engine', {}, /unix.*tcp/);
test('refuses a way by command that there is not', refuses, 'docker:?root', {}, /no way/);
test('refuses a user whose name is an option', refuses, 'docker:?as=-i', {}, /no way/);
test('refuses a user who brings a command along', refuses, 'docker:?as=x;reboot', {}, /no way/);

const byCommand = test.macro(async (t, endpoint: string, environment: Variables, name: string) => {
  t.like(await findDocker(endpoint, environment), { name, kind: 'stream' });
});

test('by command', byCommand, 'docker:?command', {}, 'docker:?command');
test('by sudo', byCommand, 'docker:?sudo', { DOCKER_HOST: 'unix:///a.sock' }, 'docker:?sudo');
test('over TLS: the port of TLS where none is given, and certificates that can be read', async (t) => {
  await withTempFolder(async (folder) => {
    const environment = { DOCKER_HOST: 'tcp://box', DOCKER_TLS_VERIFY: '1', DOCKER_CERT_PATH: folder };
    await writeFile(path.join(folder, 'ca.pem'), makeCertificate().pem);
    const found = await findDocker('docker:', environment);
    t.like(found, { name: 'docker:tcp://box:2376', kind: 'tls', port: 2376 });
    await writeFile(path.join(folder, 'cert.pem'), 'no certificate');
    await writeFile(path.join(folder, 'key.pem'), 'no key');
    await t.throwsAsync(findDocker('docker:', environment), {
      code: 'E_ENDPOINT_INVALID',
      message: /DOCKER_TLS_VERIFY.*cannot be used/,
    });
  });
});

const isFarAway = test.macro({
  async exec(t, url: string, environment: Variables, name: string) {
    const place = await parseEngine(url)(environment);
    if (place.kind !== 'ssh') return t.fail(place.kind);
    t.is(place.endpoint.name, name);
    // What it is called, and hints say, is understood.
    t.deepEqual(parseSshEndpoint(name.replace('ssh:', '')).destination, place.endpoint.destination);
    if (url.startsWith('docker:')) {
      const error = await t.throwsAsync(findDocker(url, environment), { instanceOf: PackferryError });
      t.true(error.hint?.includes(`'${name}'`), error.hint);
    }
  },
  title: (what) => `another machine: ${what ?? ''}`,
});
test('docker:ssh://', isFarAway, 'docker:ssh://root@box', {}, 'ssh://root@box?engine=docker');
test(
  'DOCKER_HOST of ssh',
  isFarAway,
  'docker:',
  { DOCKER_HOST: 'ssh://me@box:2222/' },
  'ssh://me@box:2222?engine=docker',
);
test(
  'DOCKER_HOST of ssh, whatever is said of TLS',
  isFarAway,
  'docker:',
  { DOCKER_HOST: 'ssh://box/run/user/1000/docker.sock', DOCKER_TLS_VERIFY: '1' },
  'ssh://box?engine=docker&socket=/run/user/1000/docker.sock',
);
test(
  'CONTAINER_HOST of ssh, with its socket',
  isFarAway,
  'podman:',
  { CONTAINER_HOST: 'ssh://core@box:22/run/podman/podman.sock', CONTAINER_CONNECTION: 'other' },
  'ssh://core@box:22?engine=podman&socket=/run/podman/podman.sock',
);
test(
  'a socket whose path looks like settings',
  isFarAway,
  'podman:ssh://box/a&as=root',
  {},
  'ssh://box?engine=podman&socket=/a%26as%3Droot',
);

test('plain podman: goes by the command where there is no socket, and says so', async (t) => {
  await withTempFolder(async (folder) => {
    await writeFile(path.join(folder, 'podman'), '#!/bin/sh\n', { mode: 0o755 });
    const { kind, name } = await findPodman('podman:', { PATH: folder });
    t.deepEqual({ kind, name }, { kind: 'command', name: 'podman:?command' });
  });
});

test('another user: sudo asks for nothing, and no variable decides what is reached', async (t) => {
  const environment = { HOME: '/root', CONTAINER_HOST: 'unix:///a.sock', AWS_SECRET: 'x', LC_ALL: 'de_DE' };
  t.like(await findPodman('podman:?as=demisto', environment), {
    kind: 'command',
    argv: ['sudo', '-n', '-H', '-u', 'demisto', '--', 'podman'],
    env: { HOME: '/root', LC_ALL: 'C' },
  });
});

test('a password stays out of the message', async (t) => {
  for (const host of ['tcp://me:secret@box:1', 'ssh://me:secret@box', 'http://me:secret@box']) {
    const error = await t.throwsAsync(findDocker('docker:', { DOCKER_HOST: host }), {
      code: 'E_ENDPOINT_INVALID',
    });
    t.notRegex(error.message, /secret/);
  }
});

async function writeContext(folder: string, name: string, meta: unknown): Promise<string> {
  const id = createHash('sha256').update(name).digest('hex');
  const place = path.join(folder, 'contexts', 'meta', id);
  await mkdir(place, { recursive: true });
  await writeFile(path.join(place, 'meta.json'), JSON.stringify(meta));
  return id;
}

const metaOf = (host: string): unknown => ({ Name: 'x', Endpoints: { docker: { Host: host } } });

test('contexts: the current one, DOCKER_CONTEXT before it, DOCKER_HOST before both', async (t) => {
  await withTempFolder(async (home) => {
    const folder = path.join(home, '.docker');
    await writeContext(folder, 'rootless', metaOf('unix:///run/user/1000/docker.sock'));
    await writeContext(folder, 'other', metaOf('tcp://other:2375'));
    await writeFile(
      path.join(folder, 'config.json'),
      JSON.stringify({ auths: {}, currentContext: 'rootless' }),
    );
    const nameFor = async (environment: Variables): Promise<string> =>
      (await findDocker('docker:', environment)).name;

    t.is(await nameFor({ HOME: home }), 'docker:unix:///run/user/1000/docker.sock');
    t.is(
      await nameFor({ HOME: '/nowhere', DOCKER_CONFIG: folder }),
      'docker:unix:///run/user/1000/docker.sock',
    );
    t.is(await nameFor({ HOME: home, DOCKER_CONTEXT: 'other' }), 'docker:tcp://other:2375');
    t.is(await nameFor({ HOME: home, DOCKER_CONTEXT: 'default' }), standard);
    t.is(
      await nameFor({ HOME: home, DOCKER_CONTEXT: 'other', DOCKER_HOST: 'unix:///h.sock' }),
      'docker:unix:///h.sock',
    );
    t.is(await nameFor({ HOME: '/nowhere' }), standard);
  });
});

test('a context that cannot be used is never replaced by the usual socket', async (t) => {
  await withTempFolder(async (folder) => {
    const config = path.join(folder, 'config.json');
    const refused = async (environment: Variables = {}): Promise<void> => {
      await t.throwsAsync(findDocker('docker:', { DOCKER_CONFIG: folder, ...environment }), {
        code: 'E_ENDPOINT_INVALID',
      });
    };
    await refused({ DOCKER_CONTEXT: 'gone' });
    await refused({ DOCKER_CONFIG: '', DOCKER_CONTEXT: 'homeless' });
    await writeFile(config, '{"currentContext":');
    await refused();
    await writeFile(config, '{"currentContext":1}');
    await refused();
    await writeFile(config, ' '.repeat(limits.dockerConfig + 1));
    await refused();

    await writeFile(config, '{"currentContext":"broken"}');
    await writeContext(folder, 'broken', { Endpoints: {} });
    await refused();
    const id = await writeContext(folder, 'tls', metaOf('tcp://box:2376'));
    await mkdir(path.join(folder, 'contexts', 'tls', id, 'docker'), { recursive: true });
    await writeFile(path.join(folder, 'contexts', 'tls', id, 'docker', 'ca.pem'), 'none');
    await refused({ DOCKER_CONTEXT: 'tls' });
    await writeFile(path.join(folder, 'contexts', 'tls', id, 'docker', 'ca.pem'), makeCertificate().pem);
    const found = await findDocker('docker:', { DOCKER_CONFIG: folder, DOCKER_CONTEXT: 'tls' });
    t.like(found, { name: 'docker:tcp://box:2376', kind: 'tls', foundBy: 'context tls' });
    const unchecked = { Endpoints: { docker: { Host: 'tcp://box:1', SkipTLSVerify: true } } };
    await writeContext(folder, 'unchecked', unchecked);
    const checked = await findDocker('docker:', { DOCKER_CONFIG: folder, DOCKER_CONTEXT: 'unchecked' });
    t.like(checked, { name: 'docker:tcp://box:1', kind: 'tls' });
    await writeContext(folder, 'far', metaOf('ssh://root@box'));
    const far = await parseEngine('docker:')({ DOCKER_CONFIG: folder, DOCKER_CONTEXT: 'far' });
    t.like(far, { kind: 'ssh', endpoint: { name: 'ssh://root@box?engine=docker' }, foundBy: 'context far' });
  });
});

const findsPodman = test.macro({
  async exec(t, endpoint: string, environment: Record<string, string>, name: string) {
    t.is((await findPodman(endpoint, environment)).name, name);
  },
  title: (what) => `finds Podman: ${what ?? ''}`,
});
const systemSocket = 'podman:unix:///run/podman/podman.sock';
test("the system's socket", findsPodman, 'podman:', {}, systemSocket);
test(
  'a socket that is named',
  findsPodman,
  'podman:unix:///p.sock',
  { CONTAINER_HOST: 'x' },
  'podman:unix:///p.sock',
);
test('CONTAINER_HOST', findsPodman, 'podman:', { CONTAINER_HOST: 'unix:///c.sock' }, 'podman:unix:///c.sock');
test('not by DOCKER_HOST', findsPodman, 'podman:', { DOCKER_HOST: 'unix:///d.sock' }, systemSocket);
test(
  'not in a folder of the user without a socket',
  findsPodman,
  'podman:',
  { XDG_RUNTIME_DIR: '/nowhere' },
  systemSocket,
);
test('not in a relative folder', findsPodman, 'podman:', { XDG_RUNTIME_DIR: 'run' }, systemSocket);

test("finds Podman: the user's own socket before the system's", async (t) => {
  await withTempFolder(async (folder) => {
    await mkdir(path.join(folder, 'podman'));
    await writeFile(path.join(folder, 'podman', 'podman.sock'), '');
    const { name } = await findPodman('podman:', { XDG_RUNTIME_DIR: folder });
    t.is(name, `podman:unix://${folder}/podman/podman.sock`);
  });
});

test('a Podman endpoint that is none says how it is written', async (t) => {
  for (const endpoint of ['docker:', 'podman:unix://p.sock', 'podman:npipe://x', 'podman:ssh://box']) {
    const error = await t.throwsAsync(findPodman(endpoint, {}), { instanceOf: PackferryError });
    t.is(error.code, 'E_ENDPOINT_INVALID');
    if (!endpoint.includes('ssh')) t.true(error.hint?.includes('podman:unix:///PATH'), error.hint);
  }
});
