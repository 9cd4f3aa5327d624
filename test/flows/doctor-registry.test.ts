import test from 'ava';
import { PackferryError } from '../../src/core/errors.ts';
import { diagnoseRegistry } from '../../src/flows/doctor-registry.ts';
import type { Credential } from '../../src/registry/credentials/credential.ts';
import type { RegistrySourceOptions } from '../../src/registry/options.ts';
import { probeRegistry } from '../../src/registry/probe.ts';
import { scripted } from '../helpers/registry-context.ts';
import { refuse, type Script } from '../helpers/registry-scripted.ts';

const { signal } = new AbortController();
const account: Credential = { kind: 'password', username: 'soc', password: 's3cr3t', from: '/auth.json' };

function optionsFor(host: string, credential?: Credential): RegistrySourceOptions {
  return {
    retries: 0,
    credentials: { find: () => Promise.resolve(credential) },
    registries: new Map([[host, { plainHttp: true }]]),
  };
}

/** A registry that wants this password with every request; of heads it tells the pulls that it allows. */
const guarded: Script = (request, response) => {
  const wanted = `Basic ${Buffer.from('soc:s3cr3t').toString('base64')}`;
  if (request.authorization !== wanted)
    refuse(response, 401, 'UNAUTHORIZED', { 'www-authenticate': 'Basic realm="r"' });
  else {
    response.writeHead(200, { 'ratelimit-limit': '100;w=21600', 'ratelimit-remaining': '7;w=21600' });
    response.end();
  }
};

const open: Script = (_request, response) => {
  response.writeHead(200, { 'content-type': 'application/json' });
  response.end('{}');
};

test('doctor: a registry that takes the stored account is good, and the account is named without its password', async (t) => {
  const { host } = await scripted(t, guarded);
  const { checks, error } = await diagnoseRegistry(host, optionsFor(host, account), signal);
  t.is(error, undefined);
  t.deepEqual(checks, [
    {
      id: 'registry',
      state: 'ok',
      message: `${host}: answers over HTTP; takes the account soc of /auth.json`,
    },
  ]);
});

test('doctor: a registry that refuses the account, or wants one where there is none, fails as a pull would', async (t) => {
  const { host } = await scripted(t, guarded);
  const wrong: Credential = { ...account, password: 'other-s3cr3t' };
  for (const credential of [wrong, undefined]) {
    const { checks, error } = await diagnoseRegistry(host, optionsFor(host, credential), signal);
    t.is(error?.code, 'E_SOURCE_DENIED');
    t.like(checks, [{ id: 'registry', state: 'fail', code: 'E_SOURCE_DENIED' }]);
    t.false(JSON.stringify(checks).includes('s3cr3t'));
  }
});

test('doctor: a registry that asks nobody who he is says so', async (t) => {
  const { host } = await scripted(t, open);
  const { checks } = await diagnoseRegistry(host, optionsFor(host, account), signal);
  t.regex(checks[0]?.message ?? '', /asks nobody who he is; the account soc of \/auth.json is not needed/);
});

test('doctor: one on this machine is spoken to in clear without being asked to, and that is told', async (t) => {
  const { host } = await scripted(t, open);
  const { checks } = await diagnoseRegistry(host, { retries: 0 }, signal);
  t.is(checks[0]?.message, `${host}: answers over HTTP; it asks nobody who he is`);
});

test('doctor: a registry that is not there fails, and what is no host is refused', async (t) => {
  const host = '127.0.0.1:1';
  const { checks, error } = await diagnoseRegistry(host, optionsFor(host), signal);
  t.is(error?.code, 'E_SOURCE_UNREACHABLE');
  t.is(checks[0]?.state, 'fail');
  const once = /^127\.0\.0\.1:1 is out of reach: the connection was refused/;
  t.regex(checks[0]?.message ?? '', once, 'its name once');
  t.regex(error?.message ?? '', once);
  await t.throwsAsync(diagnoseRegistry('https://docker.io', {}, signal), {
    instanceOf: PackferryError,
    code: 'E_USAGE',
  });
});

test('doctor: what answers and is no registry is told as that, not as an image that is missing', async (t) => {
  const { host } = await scripted(t, (_, response) => {
    refuse(response, 404, 'NOT_FOUND');
  });
  const { error } = await diagnoseRegistry(host, optionsFor(host), signal);
  t.is(error?.code, 'E_SOURCE_PROTOCOL');
  t.is(error?.message, `${host} answers, but is no registry (404 for /v2/)`);
});

test('doctor: the pulls that are left are asked for by the head of a manifest, which counts as none', async (t) => {
  const server = await scripted(t, guarded);
  const manifest = { repository: 'ratelimitpreview/test', tag: 'latest' };
  const options = { what: 'pulls', manifest, signal };
  const { limit } = await probeRegistry(server.host, optionsFor(server.host, account), options);
  t.deepEqual(limit, { limit: 100, remaining: 7, window: 21_600 });
  t.deepEqual(
    server.seen.filter(({ path }) => path.includes('/manifests/')).map(({ method }) => method),
    ['HEAD', 'HEAD'],
  );
});
