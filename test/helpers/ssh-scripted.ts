import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import ssh2, { type Connection } from 'ssh2';

/** A host that shows and signs what it likes, as no sshd does. */
export interface ScriptedHost {
  /** The host key algorithm that it agrees on. */
  readonly algorithm: string;
  /** What it shows as its key. */
  readonly shown: Buffer;
  /** The algorithm that its signature names. */
  readonly signatureName?: string;
  /** Signs the exchange of keys, by Ed25519. */
  readonly sign: (data: Buffer) => Buffer;
}

/** What of ssh2's server is changed: its types leave out the inside. */
interface Inside {
  _hostKeys: unknown;
  _offer: {
    readonly lists: Readonly<Record<'kex', List> & Record<'cs' | 'sc', Readonly<Record<string, List>>>>;
  };
}

interface List {
  readonly array: readonly string[];
}

export interface Scripted {
  readonly port: number;
  /** The users who asked to be let in; nobody is. */
  readonly asked: readonly string[];
}

/** Calls `use` with such a host at 127.0.0.1. */
export async function withScriptedHost<T>(
  host: ScriptedHost,
  use: (scripted: Scripted) => Promise<T>,
): Promise<T> {
  // ssh2 wants a key of its own, which is never shown; of those of Ed25519 that it makes it cannot read some.
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const hostKeys = [privateKey.export({ type: 'sec1', format: 'pem' })];
  const asked: string[] = [];
  const server = new ssh2.Server({ hostKeys }, (connection) => {
    play(connection, host);
    connection.on('error', () => undefined);
    connection.on('authentication', (context) => {
      asked.push(context.username);
      context.reject();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  try {
    return await use({ port: (server.address() as AddressInfo).port, asked });
  } finally {
    server.close();
  }
}

function play(connection: Connection, host: ScriptedHost): void {
  const { algorithm, shown, signatureName = 'ssh-ed25519', sign } = host;
  const inside = Reflect.get(connection, '_protocol') as Inside;
  const { kex, cs, sc } = inside._offer.lists;
  const arrays = (lists: Readonly<Record<string, List>>): Record<string, readonly string[]> =>
    Object.fromEntries(Object.entries(lists).map(([name, { array }]) => [name, array]));
  inside._offer = Reflect.construct(inside._offer.constructor, [
    { kex: kex.array, serverHostKey: [algorithm], cs: arrays(cs), sc: arrays(sc) },
  ]) as Inside['_offer'];
  inside._hostKeys = { [signatureName]: { type: 'ssh-ed25519', getPublicSSH: () => shown, sign } };
  let current: unknown;
  Object.defineProperty(inside, '_kex', {
    get: () => current,
    set: (exchange: { readonly negotiated: { serverHostKey: string } }) => {
      exchange.negotiated.serverHostKey = signatureName;
      current = exchange;
    },
  });
}
