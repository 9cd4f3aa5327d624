import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { composeImage } from '../../bin/demo/sample-images.ts';
import type { ErrorCode } from '../../src/core/errors.ts';
import { MemoryOutput, runCli, type Ran, type RunOptions } from '../helpers/cli-run.ts';
import { withImportSite } from '../helpers/import-site.ts';
import { makeSecurityKey, softwareKeyProvider } from '../helpers/security-key.ts';
import { sharedService } from '../helpers/shared-service.ts';
import { quoted, writeProgram } from '../helpers/system-commands.ts';
import { kerberosNeeds, withKerberos } from '../helpers/system-kerberos.ts';
import { startPodman } from '../helpers/system-podman.ts';
import { makeKnown, sshdNeeds, withSshd, type Sshd, type SshdOptions } from '../helpers/system-sshd.ts';
import { needing, type Need } from '../helpers/system-tools.ts';

// What OpenSSH's client is there for, each with a server that takes nothing else, from the command line to the engine.

const engine = sharedService(startPodman);

interface Bench {
  readonly sshd: Sshd;
  /** Imports an image that the engine lacks. Given words start ssh; without them packferry's own client connects. */
  readonly bring: (client?: string, options?: RunOptions) => Promise<Ran>;
  /** That image has arrived. */
  readonly arrives: (ran: Ran) => Promise<void>;
}

/** Calls `use` with such a server before the engine. */
async function withBench(
  t: ExecutionContext,
  name: string,
  use: (bench: Bench) => Promise<void>,
  options: SshdOptions = {},
): Promise<void> {
  const podman = await engine();
  const reference = `docker.io/demisto/${name}:1.0`;
  const image = composeImage({ files: [{ path: 'name', content: Buffer.from(name) }] });
  await withSshd(
    (sshd) =>
      withImportSite(async (site) => {
        await makeKnown(sshd);
        const { dir } = await site.make('bundle', { [reference]: image });
        const argv = [
          ...['import', dir, '--trusted-keys', site.trusted, '--yes'],
          ...['--to', `ssh://root@127.0.0.1:${sshd.port}?socket=${podman.socket}`, '--ssh-config', 'none'],
          ...['--known-hosts', path.join(sshd.home, '.ssh', 'known_hosts'), '--identity', sshd.identity],
        ];
        await use({
          sshd,
          bring: (client, more) =>
            runCli(client === undefined ? argv : [...argv, '--ssh-command', client], more),
          arrives: async ({ status, stderr }) => {
            t.is(status, 0, stderr);
            const listed = await podman.run(['image', 'inspect', '--format', '{{.Id}}', reference]);
            t.is(`sha256:${listed.trim()}`, image.config.descriptor.digest);
          },
        });
      }),
    { hostKeys: ['ed25519'], ...options },
  );
}

/** What they all need. */
const needs: readonly Need[] = [...sshdNeeds, 'ssh', 'podman'];

/** The own client cannot do that: it says what the server wants, and what can. */
function isBeyond(t: ExecutionContext, own: Ran, code: ErrorCode, why: RegExp): void {
  t.is(own.status, 6, own.stderr);
  t.true(own.stderr.includes(`error[${code}]`), own.stderr);
  t.regex(own.stderr, why);
  t.regex(own.stderr, /hint: .*--ssh-command ssh\b/);
}

for (const type of ['ecdsa-sk', 'ed25519-sk'] as const) {
  test.serial(
    `--ssh-command ssh: a security key (FIDO2, ${type}) lets the user in, who is told to touch it`,
    needing([...needs, 'software-security-key'], (t) =>
      withBench(t, type, async ({ sshd, bring, arrives }) => {
        const provider = softwareKeyProvider() ?? '';
        const line = await makeSecurityKey(provider, type, sshd.identity);
        await writeFile(path.join(sshd.folder, 'authorized_keys'), line);
        isBeyond(
          t,
          await bring(),
          'E_SSH_AUTH',
          /id_ed25519 belongs to a security key; the host takes publickey/,
        );

        const touched = path.join(sshd.folder, 'touched');
        const stderr = new MemoryOutput();
        const bringing = bring(`ssh -o SecurityKeyProvider=${provider}`, {
          env: { SSH_SK_HELPER: await touchedHelper(sshd.folder, touched) },
          stderr,
        });
        await Promise.race([stderr.shows('ssh says: Confirm user presence for key'), bringing]);
        await writeFile(touched, '');
        await arrives(await bringing);
        t.regex(await sshd.log(), new RegExp(`Accepted publickey for root .* ${type.toUpperCase()} SHA256:`));
      }),
    ),
  );
}

/** A helper of ssh for security keys that waits until that file is there, as a key waits for a finger. */
async function touchedHelper(folder: string, touched: string): Promise<string> {
  const waiting = `while [ ! -e ${quoted(touched)} ]; do sleep 0.05; done`;
  const lines = [waiting, 'exec /usr/lib/openssh/ssh-sk-helper "$@"'];
  return path.join(await writeProgram(folder, 'ssh-sk-helper', lines), 'ssh-sk-helper');
}

const gssapi = ['GSSAPIAuthentication yes', 'GSSAPIStrictAcceptorCheck no', 'PubkeyAuthentication no'];

test.serial(
  '--ssh-command ssh: a ticket of Kerberos lets the user in (GSSAPI), and nothing else does',
  needing([...needs, ...kerberosNeeds], (t) =>
    withKerberos(({ environment, login }) =>
      withBench(
        t,
        'kerberos',
        async ({ sshd, bring, arrives }) => {
          isBeyond(t, await bring(), 'E_SSH_AUTH', /nothing to try; the host takes .*gssapi-with-mic/);
          const ssh = 'ssh -o GSSAPIAuthentication=yes';
          const none = await bring(ssh, { env: environment });
          t.is(none.status, 6);
          t.regex(none.stderr, /error\[E_SSH_AUTH\].*Permission denied \(.*gssapi-with-mic\)/);
          t.true(none.stderr.includes('the ticket of Kerberos'), none.stderr);

          await login();
          await arrives(await bring(ssh, { env: environment }));
          t.regex(await sshd.log(), /Accepted gssapi-with-mic for root .*: root@PACKFERRY\.TEST/);
        },
        // What was seen before is not written into a file of the machine's.
        { config: gssapi, environment: { ...environment, KRB5RCACHENAME: 'none:' } },
      ),
    ),
  ),
);

const kex = 'sntrup761x25519-sha512@openssh.com';

test.serial(
  '--ssh-command ssh: a host with post-quantum key exchange only is reached; the own client says what reaches it',
  needing(needs, (t) =>
    withBench(
      t,
      'post-quantum',
      async ({ sshd, bring, arrives }) => {
        isBeyond(t, await bring(), 'E_SSH_UNREACHABLE', /no matching key exchange algorithm/);
        await arrives(await bring('ssh'));
        t.true((await sshd.log()).includes(`kex: algorithm: ${kex}`));
      },
      { config: [`KexAlgorithms ${kex}`] },
    ),
  ),
);
