import test from 'ava';
import { reachesSockets, tellsAndTakes } from '../helpers/ssh-checks.ts';
import { withConnection } from '../helpers/ssh-user.ts';
import { makeKnown, sshdNeeds, withSshd } from '../helpers/system-sshd.ts';
import { needing } from '../helpers/system-tools.ts';

/** What the server says of the ciphers of a connection, one for each direction. */
const chosen = (log: string): string[] =>
  [...log.matchAll(/kex: (?:client->server|server->client) cipher: (\S+)/g)].map(([, cipher = '']) => cipher);

for (const { taken, expected } of [
  { taken: undefined, expected: 'aes128-gcm@openssh.com' },
  // The client's choice counts, whatever order the server has.
  {
    taken:
      'chacha20-poly1305@openssh.com,aes256-ctr,aes128-ctr,aes256-gcm@openssh.com,aes128-gcm@openssh.com',
    expected: 'aes128-gcm@openssh.com',
  },
  { taken: 'chacha20-poly1305@openssh.com,aes256-gcm@openssh.com', expected: 'aes256-gcm@openssh.com' },
  { taken: 'chacha20-poly1305@openssh.com', expected: 'chacha20-poly1305@openssh.com' },
]) {
  test.serial(
    `a server that takes ${taken ?? 'what it takes by default'} is spoken to by ${expected}`,
    needing(sshdNeeds, async (t) => {
      await withSshd(
        async (sshd) => {
          await makeKnown(sshd);
          await withConnection(sshd, (connection) => tellsAndTakes(t, connection));
          t.deepEqual(chosen(await sshd.log()), [expected, expected]);
          // More than a window, on several channels at once.
          if (expected.startsWith('chacha20'))
            await reachesSockets(t, sshd, 3, (use) => withConnection(sshd, use));
        },
        { hostKeys: ['ed25519'], ...(taken === undefined ? {} : { config: [`Ciphers ${taken}`] }) },
      );
    }),
  );
}
