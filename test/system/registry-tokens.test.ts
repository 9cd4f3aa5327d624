import { readdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { sampleImagesFor } from '../../bin/demo/sample-images.ts';
import { collect } from '../../src/core/collect.ts';
import { digestOf } from '../../src/core/digest.ts';
import { parseReference } from '../../src/core/reference.ts';
import { runCli } from '../helpers/cli-run.ts';
import { writeKey } from '../helpers/cli-site.ts';
import { pushImage } from '../helpers/push-image.ts';
import { makeCertificate } from '../helpers/registry-certificate.ts';
import { amd64, sourceFor } from '../helpers/registry-context.ts';
import { withDockerRegistry } from '../helpers/system-registry.ts';
import { withTempFolder } from '../helpers/system-service.ts';
import { needing } from '../helpers/system-tools.ts';
import { startTokenService } from '../helpers/token-service.ts';

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
