import { readdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { Readable } from 'node:stream';
import { composeImage, noise, sampleImagesFor } from '../../bin/demo/sample-images.ts';
import { collect } from '../../src/core/collect.ts';
import { digestOf } from '../../src/core/digest.ts';
import { parseReference } from '../../src/core/reference.ts';
import { manifestAccept } from '../../src/registry/documents.ts';
import { openRegistryTarget } from '../../src/registry/push/target.ts';
import { importReport } from '../../src/schema/reports.ts';
import { runCli } from '../helpers/cli-run.ts';
import { siteReferences, withSite, writeKey } from '../helpers/cli-site.ts';
import { lockComposed } from '../helpers/compose.ts';
import { pushImage } from '../helpers/push-image.ts';
import { makeCertificate } from '../helpers/registry-certificate.ts';
import { amd64, sourceFor } from '../helpers/registry-context.ts';
import { composedSource } from '../helpers/system-images.ts';
import { withDockerRegistry, type DockerRegistry } from '../helpers/system-registry.ts';
import { withTempFolder } from '../helpers/system-service.ts';
import { needing } from '../helpers/system-tools.ts';
import { startTokenService, type TokenService } from '../helpers/token-service.ts';

const repository = 'demisto/python3';
const account = 'soc:s3cr3t-canary';

test.serial(
  'a real registry with tokens: one that ends in mid-run is got anew, and the password shows nowhere',
  needing(['docker-registry'], async (t) => {
    const certificate = makeCertificate();
    const tokens = await startTokenService(certificate, account);
    try {
      await withDockerRegistry(async (open) => {
        const [sample] = sampleImagesFor([`${repository}:1`]);
        if (sample === undefined) return t.fail();
        await pushImage(open.host, repository, '1', sample.image);
        const guarded = { storage: open.storage, tokens: { realm: `${tokens.url}/token`, certificate } };
        await withDockerRegistry(async ({ host }) => {
          await withTempFolder(async (folder) => {
            const at = (name: string): string => path.join(folder, name);
            await writeKey(at('key'), at('signers'));
            await writeFile(
              at('soc.yml'),
              `schema: packferry.export/v1\nname: soc\nimages: ["${host}/${repository}:1"]\n`,
            );
            const auths = (text: string): string =>
              JSON.stringify({ auths: { [host]: { auth: Buffer.from(text).toString('base64') } } });
            const exporting = ['export', at('soc.yml'), '-o', at('out'), '--key', at('key')];
            await writeFile(at('bad.json'), auths('soc:wrong'));
            const refused = await runCli([...exporting, '--authfile', at('bad.json')]);
            t.is(refused.status, 5);
            t.regex(refused.stderr, /E_SOURCE_DENIED.*401[^]*bad\.json.*packferry login/);

            await writeFile(at('good.json'), auths(account));
            const ran = await runCli([...exporting, '--authfile', at('good.json'), '-v']);
            t.is(ran.status, 0, ran.stderr);
            t.is(tokens.issued.length, 1, 'one for everything');
            t.true((await readdir(at('out'))).includes('SHA256SUMS.sig'));
            const printed = refused.stderr + refused.stdout + ran.stderr + ran.stdout;
            t.false(/s3cr3t|c29jOn|eyJ/.test(printed), printed);

            tokens.liveFor(2);
            const [username = '', password = ''] = account.split(':');
            const find = () =>
              Promise.resolve({ kind: 'password', username, password, from: 'here' } as const);
            const source = sourceFor(t, { credentials: { find } });
            const locked = await source.resolve(parseReference(`${host}/${repository}:1`), amd64);
            const asked = tokens.issued.length;
            const authorization = tokens.issued.at(-1) ?? '';
            const url = `http://${host}/v2/${repository}/manifests/1`;
            while ((await fetch(url, { headers: { authorization } })).status !== 401) {
              await new Promise(setImmediate);
            }
            tokens.liveFor(300);
            const [layer] = locked.layers;
            if (layer === undefined) return t.fail();
            const bytes = await collect(await source.openBlob(locked, layer), layer.size, 'layer');
            t.is(digestOf(bytes), layer.digest);
            t.is(tokens.issued.length, asked + 1, 'the token had ended, so another was asked for');
          });
        }, guarded);
      });
    } finally {
      await tokens.close();
    }
  }),
);

interface Guarded {
  /** Wants tokens. */
  readonly host: string;
  /** The same storage, open to all. */
  readonly open: DockerRegistry;
  readonly registry: DockerRegistry;
  readonly tokens: TokenService;
}

/** Runs with an empty registry that wants tokens for what it takes. */
async function withGuarded(use: (guarded: Guarded) => Promise<void>): Promise<void> {
  const certificate = makeCertificate();
  const tokens = await startTokenService(certificate, account);
  try {
    await withDockerRegistry(async (open) => {
      const guarded = { storage: open.storage, tokens: { realm: `${tokens.url}/token`, certificate } };
      await withDockerRegistry((registry) => use({ host: registry.host, open, registry, tokens }), guarded);
    });
  } finally {
    await tokens.close();
  }
}

test.serial(
  'an import into a real registry with tokens: each repository has one of its own, and a mount may read where it mounts from',
  needing(['docker-registry'], async (t) => {
    await withGuarded(async ({ host, open, registry, tokens }) => {
      await withSite(async (site) => {
        t.is((await runCli(site.exporting)).status, 0);
        const authfile = site.at('auth.json');
        const login = (text: string): Promise<void> =>
          writeFile(authfile, JSON.stringify({ auths: { [host]: { auth: btoa(text) } } }));
        const argv = [...site.importing, '--to', `registry://${host}`, '--authfile', authfile, '--json'];
        await login('soc:wrong');
        const refused = await runCli(argv);
        t.is(refused.status, 6, refused.stderr);
        t.regex(refused.stderr, /error\[E_TARGET_DENIED\][^]*packferry login/);
        t.is(tokens.issued.length, 0);

        await login(account);
        const ran = await runCli(argv);
        t.is(ran.status, 0, ran.stderr);
        const { targets } = importReport.parse(JSON.parse(ran.stdout));
        for (const { reference, id } of targets[0]?.images ?? []) {
          const [repository = '', tag = ''] = reference.replace('docker.io/', '').split(':');
          const head = await fetch(`http://${open.host}/v2/${repository}/manifests/${tag}`, {
            method: 'HEAD',
            headers: { accept: manifestAccept },
          });
          t.is(head.headers.get('docker-content-digest'), id ?? '', reference);
        }
        t.is(targets[0]?.images.filter(({ status }) => status === 'loaded').length, siteReferences.length);

        const asked = tokens.scopes.slice(-tokens.issued.length).map((scopes) => scopes.join(' '));
        t.is(new Set(asked).size, asked.length, 'each is asked for once');
        const mounts = [
          ...(await registry.log()).matchAll(
            /"POST \/v2\/(\S+)\/blobs\/uploads\/\?mount=\S+&from=(\S+) HTTP\/1.1" 201/g,
          ),
        ].map(([, to, from]) => `repository:${to}:pull,push repository:${from}:pull`);
        t.true(mounts.length > 0, 'the base was mounted');
        const own = siteReferences.map((name) => `repository:${name.split(':')[0]}:pull,push`);
        t.deepEqual(asked.sort(), [...own, ...new Set(mounts)].sort());
        const printed = refused.stderr + refused.stdout + ran.stderr + ran.stdout;
        t.false(/s3cr3t|c29jOn|eyJ/.test(printed), printed);
      });
    });
  }),
);

test.serial(
  'a token that ends in the middle of a blob that is pushed: another is asked for, and the blob goes on where it was',
  needing(['docker-registry'], async (t) => {
    await withGuarded(async ({ host, registry, tokens }) => {
      const composed = composeImage({ files: [{ path: 'data', content: noise('data', 40_000) }] });
      const locked = lockComposed('docker.io/demisto/sample:1', composed);
      const [username = '', password = ''] = account.split(':');
      const find = () => Promise.resolve({ kind: 'password', username, password, from: 'here' } as const);
      const target = openRegistryTarget(host, { pieceSize: 16_000, credentials: { find } });
      t.teardown(() => target.close());
      const uploads = `http://${host}/v2/demisto/sample/blobs/uploads/`;
      /** Gives the first piece of the layer, and the rest when no token of before is any good. */
      const source = composedSource([composed], (blob, bytes) => {
        if (blob.digest !== locked.layers[0]?.digest) return Readable.from([bytes]);
        return Readable.from(
          (async function* () {
            yield bytes.subarray(0, 20_000);
            const authorization = tokens.issued.at(-1) ?? '';
            tokens.liveFor(300);
            while ((await fetch(uploads, { method: 'POST', headers: { authorization } })).status !== 401)
              await new Promise(setImmediate);
            yield bytes.subarray(20_000);
          })(),
          { objectMode: false },
        );
      });
      tokens.liveFor(4);
      await target.deliver(locked, source);
      t.deepEqual(await target.confirm(locked), { confirmed: true, id: locked.manifest.digest });
      t.true(tokens.issued.length >= 2, `${tokens.issued.length} tokens`);
      const log = await registry.log();
      t.regex(log, /"PATCH \S+ HTTP\/1.1" 401/);
      const count = (pattern: RegExp): number => log.split('\n').filter((line) => pattern.test(line)).length;
      t.is(count(/"PATCH \S+ HTTP\/1.1" 202/), 3, 'no piece is sent twice');
    });
  }),
);
