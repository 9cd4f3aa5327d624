import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { buffer } from 'node:stream/consumers';
import test, { type ExecutionContext } from 'ava';
import pLimit from 'p-limit';
import { packferry } from '../helpers/cli.ts';
import { verdictOn, type Knowledge } from '../helpers/host-verdicts.ts';
import { setPath } from '../helpers/ssh-engine.ts';
import { withConnection } from '../helpers/ssh-user.ts';
import { withDockerd } from '../helpers/system-dockerd.ts';
import { sshdNeeds, withSshd, type Certified, type Sshd, type SshdOptions } from '../helpers/system-sshd.ts';
import { needing } from '../helpers/system-tools.ts';
import { newP256 } from '../trust/keys.ts';

function certifiedTest(
  title: string,
  use: (t: ExecutionContext, sshd: Sshd) => Promise<void>,
  options: SshdOptions = {},
): void {
  test.serial(
    title,
    needing([...sshdNeeds, 'ssh'], (t) =>
      withSshd((sshd) => use(t, sshd), { hostKeys: ['ed25519'], certified: true, ...options }),
    ),
  );
}

/** `TYPE BASE64` of a public key file. */
async function keyIn(file: string): Promise<string> {
  return (await readFile(file, 'utf8')).split(' ').slice(0, 2).join(' ');
}

const authorityOf = ({ home }: Sshd): Promise<string> => keyIn(path.join(home, 'ca.pub'));
const knownHostsOf = ({ home }: Sshd): string => path.join(home, '.ssh', 'known_hosts');
const fileOf = ({ folder }: Sshd, name: string): string => path.join(folder, name);

/** An authority, and what it may certify the host by. */
type Known = (keys: {
  /** The authority that has certified the host. */
  readonly ca: string;
  /** The own key of the host, and its certificate. */
  readonly key: string;
  readonly certificate: string;
  /** Another one. */
  readonly other: string;
  /** The name of the host in known_hosts. */
  readonly name: string;
}) => string;

interface Case {
  readonly what: string;
  readonly knownHosts: Known;
  readonly config?: string;
  /** Content of a file with revoked keys. */
  readonly revoked?: Known;
  readonly acceptNew?: boolean;
  readonly verdict: 'ok' | 'E_HOST_KEY_UNKNOWN' | 'E_HOST_KEY_CHANGED' | 'E_HOST_KEY_REVOKED';
  readonly words?: RegExp;
}

const certified = /certified: certificate "host", serial 0, of the authority ssh-ed25519 SHA256:/;

const cases: readonly Case[] = [
  {
    what: 'by name',
    knownHosts: ({ ca }) => `@cert-authority 127.0.0.1 ${ca}`,
    verdict: 'ok',
    words: certified,
  },
  { what: 'by name and port', knownHosts: ({ ca, name }) => `@cert-authority ${name} ${ca}`, verdict: 'ok' },
  { what: 'by a pattern', knownHosts: ({ ca }) => `@cert-authority *.example,127.* ${ca}`, verdict: 'ok' },
  { what: 'on any port', knownHosts: ({ ca }) => `@cert-authority [127.0.0.1]:* ${ca}`, verdict: 'ok' },
  {
    what: 'an excluded name that has another form with its port',
    knownHosts: ({ ca }) => `@cert-authority *,!127.0.0.1 ${ca}`,
    verdict: 'ok',
  },
  {
    what: 'beside a plain key of another type',
    knownHosts: ({ ca, name }) => `${name} ${newP256().line}\n@cert-authority * ${ca}`,
    verdict: 'ok',
    words: certified,
  },
  {
    what: 'beside another plain key of the same type',
    knownHosts: ({ ca, name, other }) => `${name} ${other}\n@cert-authority * ${ca}`,
    verdict: 'ok',
    words: certified,
  },
  {
    what: 'the authority of another port',
    knownHosts: ({ ca }) => `@cert-authority [127.0.0.1]:1 ${ca}`,
    verdict: 'E_HOST_KEY_UNKNOWN',
  },
  {
    what: 'the authority of another host',
    knownHosts: ({ ca }) => `@cert-authority *.example ${ca}`,
    verdict: 'E_HOST_KEY_UNKNOWN',
  },
  {
    what: 'another authority',
    knownHosts: ({ other }) => `@cert-authority * ${other}`,
    verdict: 'E_HOST_KEY_UNKNOWN',
    words:
      /no known_hosts file has that authority for it[^]*add to \S+known_hosts the line: @cert-authority \[127/,
  },
  {
    what: 'another authority, but the key is known',
    knownHosts: ({ other, key, name }) => `@cert-authority * ${other}\n${name} ${key}`,
    verdict: 'ok',
    words: /is the known one/,
  },
  {
    what: 'another authority, and another key is known',
    knownHosts: ({ other, name }) => `@cert-authority * ${other}\n${name} ${other}`,
    verdict: 'E_HOST_KEY_CHANGED',
    words: /no known_hosts file has that authority/,
  },
  {
    what: 'the authority as a key of the host',
    knownHosts: ({ ca }) => `127.0.0.1 ${ca}`,
    verdict: 'E_HOST_KEY_UNKNOWN',
  },
  {
    what: 'the key of the host as its authority',
    knownHosts: ({ key }) => `@cert-authority * ${key}`,
    verdict: 'E_HOST_KEY_UNKNOWN',
  },
  {
    what: 'a new host of another authority, which is accepted: its key alone',
    knownHosts: ({ other }) => `@cert-authority * ${other}\n`,
    acceptNew: true,
    verdict: 'ok',
    words: /new host, added to \S+: ssh-ed25519 \S+, the key alone: Its certificate/,
  },
  {
    what: 'an authority that is revoked',
    knownHosts: ({ ca }) => `@cert-authority * ${ca}\n@revoked * ${ca}`,
    verdict: 'E_HOST_KEY_REVOKED',
    words: /known_hosts:2/,
  },
  {
    what: 'an authority that is revoked, though the key is known',
    knownHosts: ({ ca, key, name }) => `${name} ${key}\n@revoked * ${ca}`,
    verdict: 'E_HOST_KEY_REVOKED',
  },
  {
    what: 'a certified key that is revoked',
    knownHosts: ({ ca, key }) => `@cert-authority * ${ca}\n@revoked * ${key}`,
    verdict: 'E_HOST_KEY_REVOKED',
  },
  {
    what: 'a certificate that is revoked, and with it its key',
    knownHosts: ({ ca, certificate }) => `@cert-authority * ${ca}\n@revoked * ${certificate}`,
    verdict: 'E_HOST_KEY_REVOKED',
  },
  {
    what: 'a key that is revoked for another host',
    knownHosts: ({ ca, key }) => `@cert-authority * ${ca}\n@revoked elsewhere ${key}`,
    verdict: 'ok',
  },
  {
    what: 'a list of revoked keys with the authority',
    knownHosts: ({ ca }) => `@cert-authority * ${ca}`,
    revoked: ({ ca }) => ca,
    verdict: 'E_HOST_KEY_REVOKED',
  },
  {
    what: 'a list of revoked keys with the certificate',
    knownHosts: ({ ca }) => `@cert-authority * ${ca}`,
    revoked: ({ certificate }) => certificate,
    verdict: 'E_HOST_KEY_REVOKED',
  },
  {
    what: 'an alias that the certificate does not name',
    knownHosts: ({ ca }) => `@cert-authority other ${ca}`,
    config: 'HostKeyAlias other',
    verdict: 'E_HOST_KEY_UNKNOWN',
    words: /is for "127\.0\.0\.1", not for "other"[^]*certify it anew/,
  },
  {
    what: 'an alias that it does not name, but the key is known under it',
    knownHosts: ({ ca, key }) => `@cert-authority other ${ca}\nother ${key}`,
    config: 'HostKeyAlias other',
    verdict: 'ok',
    words: /is the known one[^]*by its own key only: its certificate/,
  },
];

/** The cases, some at a time; what of each is in the name of what fails. */
async function judge(t: ExecutionContext, sshd: Sshd, all: readonly Case[], type = 'ed25519'): Promise<void> {
  const keys = {
    ca: await authorityOf(sshd),
    key: await keyIn(fileOf(sshd, `host_${type}.pub`)),
    certificate: await keyIn(fileOf(sshd, `host_${type}-cert.pub`)),
    other: await keyIn(`${sshd.identity}.pub`),
    name: `[127.0.0.1]:${sshd.port}`,
  };
  const inTurn = pLimit(4);
  const judgements = all.map((one, index) =>
    inTurn(async () => {
      const { what, config = '', acceptNew = false, words } = one;
      const list = fileOf(sshd, `revoked-${index}`);
      if (one.revoked !== undefined) await writeFile(list, `${one.revoked(keys)}\n`);
      const knowledge: Knowledge = {
        knownHosts: one.knownHosts(keys),
        config: `${config}\n${one.revoked === undefined ? '' : `RevokedHostKeys ${list}\n`}`,
        acceptNew,
      };
      const found = await verdictOn(t, sshd, knowledge);
      t.is(found.verdict, one.verdict, `${what}: ${found.words}`);
      if (words !== undefined) t.regex(found.words, words, what);
    }),
  );
  await Promise.all(judgements);
}

certifiedTest('a host with a certificate gets the verdict of ssh, whatever is known of it', (t, sshd) =>
  judge(t, sshd, cases),
);

const trusted: Known = ({ ca }) => `@cert-authority * ${ca}`;
const alsoPlain: Known = ({ ca, key, name }) => `@cert-authority * ${ca}\n${name} ${key}`;

/** A certificate that is good, and who certifies which type of key. */
for (const [type, by] of [
  ['ecdsa', 'rsa'],
  ['ecdsa384', 'ecdsa521'],
  ['ecdsa521', 'ecdsa384'],
  ['rsa', 'ecdsa'],
] as const) {
  certifiedTest(
    `a key of the type ${type}, certified by one of the type ${by}`,
    (t, sshd) =>
      judge(t, sshd, [{ what: type, knownHosts: trusted, verdict: 'ok', words: /is certified: / }], type),
    { hostKeys: [type], certified: { by } },
  );
}

/** Certificates that say something of their own: whether they are taken, and if not, why. */
const certificates: readonly [what: string, certified: Certified, words: RegExp | 'good'][] = [
  [
    'for another name',
    { as: ['-h', '-n', 'a.example,b.example'] },
    /is for "a\.example", "b\.example", not for/,
  ],
  ['for a wildcard', { as: ['-h', '-n', '127.0.0.*'] }, /is for "127\.0\.0\.\*"/],
  [
    'for one of several names, with an extension',
    { as: ['-h', '-n', 'a.example,127.0.0.1', '-O', 'extension:odd@example.org=1'] },
    'good',
  ],
  ['for no name, which is every name', { as: ['-h'] }, 'good'],
  ['that has expired', { as: ['-h', '-n', '127.0.0.1', '-V', '-2d:-1d'] }, /was valid until 20/],
  ['that is not yet valid', { as: ['-h', '-n', '127.0.0.1', '-V', '+1d:+2d'] }, /is valid only from 20/],
  ['of a user', { as: ['-n', '127.0.0.1'] }, /is one of a user/],
  [
    'with a critical option',
    { as: ['-h', '-n', '127.0.0.1', '-O', 'critical:odd@example.org=1'] },
    /critical options that nobody knows: "odd@example\.org"/,
  ],
  [
    'that is signed with SHA-1',
    { by: 'rsa', as: ['-h', '-n', '127.0.0.1', '-t', 'ssh-rsa'] },
    /is signed with SHA-1/,
  ],
];

for (const [what, certified, words] of certificates) {
  certifiedTest(
    `a certificate ${what}, gets the verdict of ssh${words === 'good' ? '' : ', and the key in it counts as one without'}`,
    (t, sshd) =>
      judge(
        t,
        sshd,
        words === 'good'
          ? [{ what, knownHosts: trusted, verdict: 'ok', words: /is certified: / }]
          : [
              { what, knownHosts: trusted, verdict: 'E_HOST_KEY_UNKNOWN', words },
              { what: `${what}, key known`, knownHosts: alsoPlain, verdict: 'ok', words },
            ],
      ),
    { certified },
  );
}

certifiedTest(
  'keys of the connection that change in the middle of a transfer: the host shows its certificate or key again',
  async (t, sshd) => {
    // Half of the window of a channel and more: the client has to send, too, while keys are changed.
    const size = 1_200_000;
    for (const line of [`@cert-authority * ${await authorityOf(sshd)}\n`, sshd.hostKeys.ed25519]) {
      await writeFile(knownHostsOf(sshd), line);
      await withConnection(sshd, async (connection) => {
        const stream = await connection.exec(['head', '-c', String(size), '/dev/zero'], () => undefined);
        stream.end();
        t.is((await buffer(stream)).length, size);
        const echo = await connection.exec(['cat'], () => undefined);
        echo.end(Buffer.alloc(1_100_000, 1));
        t.is((await buffer(echo)).length, 1_100_000);
      });
    }
    const changes = (await sshd.log()).split('SSH2_MSG_NEWKEYS received').length - 1;
    t.true(changes > 4, `${changes} exchanges of keys`);
  },
  { config: ['RekeyLimit 1000K'] },
);

certifiedTest('a jump host and the host behind it, each by its certificate', async (t, jump) => {
  await withSshd(
    async (far) => {
      await writeFile(knownHostsOf(jump), `@cert-authority *.0.0.1 ${await authorityOf(jump)}\n`);
      await writeFile(
        path.join(jump.home, '.ssh', 'config'),
        `Host far\n HostName 127.0.0.1\n Port ${far.port}\n ProxyJump root@127.0.0.1:${jump.port}\n`,
      );
      const account = await withConnection(jump, (connection) => Promise.resolve(connection.account), {
        host: 'far',
      });
      t.is(account.filter((line) => line.includes(' is certified: ')).length, 2, account.join('\n'));
    },
    { like: jump, hostKeys: ['rsa'], certified: true },
  );
});

test.serial(
  'the program itself: an inventory of an engine behind a host that only an authority knows',
  needing([...sshdNeeds, 'dockerd', 'docker'], (t) =>
    withDockerd((engine) =>
      withSshd(
        async (sshd) => {
          await writeFile(knownHostsOf(sshd), `@cert-authority * ${await authorityOf(sshd)}\n`);
          const endpoint = `ssh://root@127.0.0.1:${sshd.port}?engine=docker&socket=${engine.socket}`;
          const ran = await packferry([
            ...['inventory', '--from', endpoint, '--json', '--ssh-config', 'none'],
            ...['--known-hosts', knownHostsOf(sshd), '--identity', sshd.identity],
          ]);
          t.is(ran.status, 0, ran.stderr);
          t.true(ran.stdout.includes(`127.0.0.1:${sshd.port}`), ran.stdout);
        },
        { config: [setPath], certified: true },
      ),
    ),
  ),
);
