import { PackferryError } from '../core/errors.ts';
import { certificateFault } from './judge-line.ts';
import { unreadablePublicKey } from './key-envelope.ts';
import { parsePublicKey } from './public-key.ts';
import { quote } from '../core/quote.ts';
import type { Signer } from './signer.ts';

/**
 * Refuses to sign with a certificate that no site would accept at this time: expired, not valid yet, of a host, with
 * critical options. Worth knowing before hours of work. `name` is its file. Throws `E_KEY_NOT_VALID`.
 */
export function refuseUselessCertificate(name: string, { publicKey }: Signer, now: Date): void {
  const fail = unreadablePublicKey(name);
  const { certificate } = parsePublicKey(publicKey, fail).loaded;
  const fault = certificate && certificateFault(certificate, true, now);
  if (certificate === undefined || fault === undefined) return;
  throw new PackferryError(
    'E_KEY_NOT_VALID',
    `${name}: the certificate ${quote(certificate.keyId)} ${fault}`,
    {
      hint: 'No site would accept its signature. Let its authority make a new one, and check the clock of this machine.',
    },
  );
}
