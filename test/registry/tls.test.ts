import test from 'ava';
import { parseReference } from '../../src/core/reference.ts';
import { makeCertificate } from '../helpers/registry-certificate.ts';
import { amd64, failure, scripted, sourceFor } from '../helpers/registry-context.ts';
import { MemoryContent, sampleImage } from '../helpers/registry-images.ts';
import { serveFrom, type Script } from '../helpers/registry-scripted.ts';

const content = new MemoryContent().image('a/b', '1', sampleImage());
const honest: Script = async (request, response) => serveFrom(content, request, response);

test('TLS: a registry with a certificate authority of its own', async (t) => {
  const certificate = makeCertificate();
  const server = await scripted(t, honest, certificate);
  const source = sourceFor(t, {
    registries: new Map([[server.host, { ca: certificate.pem, plainHttp: false }]]),
  });
  const locked = await source.resolve(parseReference(`${server.host}/a/b:1`), amd64);
  t.is(locked.layers.length, 2);
});

test('TLS: an authority counts for its registry and mirrors only', async (t) => {
  const certificate = makeCertificate();
  const [server, other] = [await scripted(t, honest, certificate), await scripted(t, honest, certificate)];
  const registries = new Map([
    [server.host, { ca: certificate.pem, plainHttp: false }],
    [other.host, { plainHttp: false }],
  ]);
  const source = sourceFor(t, { registries });
  await source.resolve(parseReference(`${server.host}/a/b:1`), amd64);
  const reference = parseReference(`${other.host}/a/b:1`);
  const error = await failure(t, 'E_SOURCE_UNREACHABLE', async () => source.resolve(reference, amd64));
  t.regex(error.hint ?? '', /caFile/);
});

test('TLS: another authority than the one that was set', async (t) => {
  const server = await scripted(t, honest, makeCertificate());
  const source = sourceFor(t, {
    registries: new Map([[server.host, { ca: makeCertificate().pem, plainHttp: false }]]),
  });
  const reference = parseReference(`${server.host}/a/b:1`);
  await failure(t, 'E_SOURCE_UNREACHABLE', async () => source.resolve(reference, amd64));
});

test('TLS: a registry that speaks plain HTTP where TLS is expected', async (t) => {
  const server = await scripted(t, honest);
  const source = sourceFor(t, { registries: new Map([[server.host, { plainHttp: false }]]) });
  const reference = parseReference(`${server.host}/a/b:1`);
  const error = await failure(t, 'E_SOURCE_UNREACHABLE', async () => source.resolve(reference, amd64));
  t.regex(error.hint ?? '', /plainHttp/);
});
