import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { PackferryError, type ErrorCode } from '../../src/core/errors.ts';
import { withConnection } from '../helpers/ssh-user.ts';
import { sshdNeeds, withSshd, type Sshd, type SshdOptions } from '../helpers/system-sshd.ts';
import { needing } from '../helpers/system-tools.ts';

/** A server that somebody reaches in place of the right one: nobody knows its key. */
function spoofTest(
  title: string,
  use: (t: ExecutionContext, spoof: Sshd) => Promise<void>,
  options: SshdOptions = {},
): void {
  test.serial(
    title,
    needing(sshdNeeds, (t) => withSshd((sshd) => use(t, sshd), options)),
  );
}

const knownHosts = ({ home }: Sshd): string => path.join(home, '.ssh', 'known_hosts');

/** It is refused, the server has seen no user name and no key, and known_hosts stays as it is. */
async function refusedBefore(
  t: ExecutionContext,
  spoof: Sshd,
  code: ErrorCode,
  acceptNew: boolean,
): Promise<PackferryError> {
  const before = await readFile(knownHosts(spoof), 'utf8').catch(() => 'no file');
  const asked: string[] = [];
  const ask = ({ text }: { readonly text: string }) => {
    asked.push(text);
    return Promise.resolve('secret');
  };
  const connecting = withConnection(spoof, () => Promise.resolve(), { acceptNew, ask });
  const error = await t.throwsAsync(connecting, { instanceOf: PackferryError });
  t.is(error.code, code, error.message);
  t.true(error.message.includes('SHA256:'), error.message);
  t.true(error.message.includes(`127.0.0.1:${spoof.port}`), error.message);
  t.false(await spoof.wasAsked(), 'nobody asked to be let in');
  t.deepEqual(asked, [], 'nobody was asked for a secret');
  t.is(await readFile(knownHosts(spoof), 'utf8').catch(() => 'no file'), before);
  return error;
}

/** The line of a host with this key, under the name of the server. */
const lineWith = async ({ port }: Sshd, of: Sshd, type: 'ed25519' | 'rsa'): Promise<string> => {
  const key = await readFile(path.join(of.folder, `host_${type}.pub`), 'utf8');
  return `[127.0.0.1]:${port} ${key}`;
};

spoofTest('threat 21: an unknown host is refused before anything is told to it', async (t, spoof) => {
  const error = await refusedBefore(t, spoof, 'E_HOST_KEY_UNKNOWN', false);
  t.true(error.hint?.includes('ssh-keyscan'));
  t.true(error.hint?.includes('--accept-new'));
});

for (const acceptNew of [false, true]) {
  const also = acceptNew ? ', also with --accept-new' : '';
  spoofTest(`threat 21: another key than the known one is refused${also}`, async (t, spoof) => {
    await withSshd(async (right) => {
      await writeFile(knownHosts(spoof), await lineWith(spoof, right, 'ed25519'));
      const error = await refusedBefore(t, spoof, 'E_HOST_KEY_CHANGED', acceptNew);
      t.true(error.message.includes(`${knownHosts(spoof)}:1`), error.message);
    });
  });

  spoofTest(
    `threat 21: a key of another type than all known ones does not pass for a new host${also}`,
    async (t, spoof) => {
      await withSshd(async (right) => {
        await writeFile(knownHosts(spoof), await lineWith(spoof, right, 'rsa'));
        await refusedBefore(t, spoof, 'E_HOST_KEY_CHANGED', acceptNew);
      });
    },
    { hostKeys: ['ed25519'] },
  );

  spoofTest(`threat 21: a revoked key is refused, whatever other lines say${also}`, async (t, spoof) => {
    const { ed25519, ecdsa, rsa } = spoof.hostKeys;
    const revoked = [ed25519, ecdsa, rsa].map((line) => `@revoked * ${line.replace(/^\S+ /, '')}`);
    await writeFile(knownHosts(spoof), [ed25519, ecdsa, rsa, ...revoked].join(''));
    await refusedBefore(t, spoof, 'E_HOST_KEY_REVOKED', acceptNew);
  });
}

spoofTest(
  'threat 21: a certificate of another authority than the trusted one is refused, and the error names both',
  async (t, spoof) => {
    await writeFile(knownHosts(spoof), `@cert-authority * ${spoof.hostKeys.ed25519.replace(/^\S+ /, '')}`);
    const error = await refusedBefore(t, spoof, 'E_HOST_KEY_UNKNOWN', false);
    t.regex(error.message, /of the authority ssh-ed25519 SHA256:\S+, does not help: no known_hosts file has/);
    t.true(error.hint?.includes('@cert-authority'), error.hint);
  },
  { certified: true },
);

for (const acceptNew of [false, true]) {
  spoofTest(
    `threat 21: a certificate of a trusted authority for another host is refused${acceptNew ? ', also with --accept-new where the key has changed' : ''}`,
    async (t, spoof) => {
      const authority = await readFile(path.join(spoof.home, 'ca.pub'), 'utf8');
      // With --accept-new only a host that no line is about could be added.
      const before = acceptNew ? await lineWith(spoof, spoof, 'rsa') : '';
      await writeFile(knownHosts(spoof), `@cert-authority * ${authority}${before}`);
      const code = acceptNew ? 'E_HOST_KEY_CHANGED' : 'E_HOST_KEY_UNKNOWN';
      const error = await refusedBefore(t, spoof, code, acceptNew);
      t.true(error.message.includes('is for "elsewhere", not for "127.0.0.1"'), error.message);
    },
    { certified: { as: ['-h', '-n', 'elsewhere'] } },
  );
}

spoofTest(
  'threat 21: StrictHostKeyChecking no in ssh_config does not let an unknown host in',
  async (t, spoof) => {
    await writeFile(path.join(spoof.home, '.ssh', 'config'), 'StrictHostKeyChecking no\n');
    await refusedBefore(t, spoof, 'E_HOST_KEY_UNKNOWN', false);
  },
);
