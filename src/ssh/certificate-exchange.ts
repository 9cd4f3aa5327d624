import type { Client } from 'ssh2';
import { certificateAlgorithms, type CertificateAlgorithm } from './certificate-algorithms.ts';

/**
 * Lets a client of ssh2 agree on host certificates, which ssh2 does not know. To be called right after `connect`, before
 * the host has said a word. `hostKeys` is the whole list to offer, best first; `plainKeyOf` finds the key in a
 * certificate, and throws for one that is malformed. The client's `hostVerifier` gets the certificate and has to judge it.
 *
 * False when ssh2 is not made inside as this expects: then nothing was changed, and no certificates are offered. What it
 * expects: that the lists to offer lie in `_protocol._offer`, and that every exchange of keys is put into
 * `_protocol._kex` once the algorithms are agreed on, also when keys are changed later.
 */
export function offerCertificates(
  client: Client,
  hostKeys: readonly string[],
  plainKeyOf: (blob: Buffer) => Buffer,
): boolean {
  const protocol: unknown = Reflect.get(client, '_protocol');
  if (!isObject(protocol) || !('_kex' in protocol) || protocol['_kex'] !== undefined) return false;
  const offer = withHostKeys(protocol['_offer'], hostKeys);
  if (offer === undefined) return false;
  let current: unknown;
  Object.defineProperty(protocol, '_kex', {
    get: () => current,
    set: (exchange: unknown) => {
      current = exchange;
      if (isExchange(exchange)) speakCertificates(exchange, plainKeyOf);
    },
  });
  protocol['_offer'] = offer;
  return true;
}

/** What this reads and changes of an exchange of keys. */
interface Exchange {
  readonly negotiated: { serverHostKey: string };
  /** What the host has shown, from its answer until the end of the exchange. */
  _hostKey: Buffer | undefined;
  getPublicKey: () => unknown;
}

const byName: ReadonlyMap<string, CertificateAlgorithm> = new Map(
  certificateAlgorithms.map((algorithm) => [algorithm.name, algorithm]),
);

/**
 * The exchange hash takes in what the host has shown, the certificate, and then the client's public key (RFC 4253 section
 * 8, RFC 5656 section 4). After it, only the host's signature is checked: by the key in the certificate, with its plain
 * algorithm. So the moment between the two is when this client's public key is asked for while the host's answer is there.
 * A mistake about that moment makes another hash, under which no signature is good.
 */
function speakCertificates(exchange: Exchange, plainKeyOf: (blob: Buffer) => Buffer): void {
  const { negotiated } = exchange;
  const agreed = byName.get(negotiated.serverHostKey);
  if (agreed === undefined) return;
  // ssh2 compares that with the type of what the host shows; of RSA the names differ.
  negotiated.serverHostKey = agreed.certificateType;
  const getPublicKey = exchange.getPublicKey.bind(exchange);
  exchange.getPublicKey = () => {
    if (exchange._hostKey !== undefined) {
      exchange._hostKey = plainKeyOf(exchange._hostKey);
      negotiated.serverHostKey = agreed.signature;
    }
    return getPublicKey();
  };
}

/** The same offer with another list of host key algorithms: ssh2 keeps the lists ready to send. */
function withHostKeys(offer: unknown, hostKeys: readonly string[]): unknown {
  if (!isObject(offer) || !isObject(offer['lists'])) return undefined;
  const { kex, serverHostKey, cs, sc } = offer['lists'];
  if (arrayOf(kex) === undefined || arrayOf(serverHostKey) === undefined) return undefined;
  const [from, to] = [arraysOf(cs), arraysOf(sc)];
  const make = offer.constructor;
  if (from === undefined || to === undefined || typeof make !== 'function') return undefined;
  const made: unknown = Reflect.construct(make, [
    { kex: arrayOf(kex), serverHostKey: [...hostKeys], cs: from, sc: to },
  ]);
  const { lists, copyAllTo } = isObject(made) ? made : {};
  const isMade = isObject(lists) && arrayOf(lists['serverHostKey'])?.join() === hostKeys.join();
  return isMade && typeof copyAllTo === 'function' ? made : undefined;
}

/** The lists of one direction: `cipher`, `mac` and so on. */
function arraysOf(lists: unknown): Record<string, unknown> | undefined {
  if (!isObject(lists)) return undefined;
  const arrays = Object.entries(lists).map(([name, list]) => [name, arrayOf(list)] as const);
  return arrays.every(([, array]) => array !== undefined) ? Object.fromEntries(arrays) : undefined;
}

function arrayOf(list: unknown): readonly unknown[] | undefined {
  const array = isObject(list) ? list['array'] : undefined;
  return Array.isArray(array) ? array : undefined;
}

function isExchange(value: unknown): value is Exchange {
  if (!isObject(value) || !isObject(value['negotiated'])) return false;
  const { serverHostKey } = value['negotiated'];
  return (
    typeof serverHostKey === 'string' && '_hostKey' in value && typeof value['getPublicKey'] === 'function'
  );
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
