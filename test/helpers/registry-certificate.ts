import { generateKeyPairSync, sign } from 'node:crypto';

/** A self-signed certificate, for 127.0.0.1 and perhaps a name, that is its own authority. */
export interface Certificate {
  readonly pem: string;
  readonly key: string;
}

// The few bytes of X.509 (RFC 5280) that TLS needs, so that no key lies in the repository and no tool is asked for.
const sha256WithEcdsa = '06082a8648ce3d040302';
const commonName = '0603550403';
const basicConstraints = '0603551d13';
const subjectAltName = '0603551d11';

/** Makes a certificate that is valid for 127.0.0.1 and for `host`, with a fresh key. `subject` is its common name. */
export function makeCertificate({
  host = 'unused.example',
  subject = 'packferry test',
}: { readonly host?: string; readonly subject?: string } = {}): Certificate {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const algorithm = sequence(raw(sha256WithEcdsa));
  const name = sequence(der(0x31, sequence(raw(commonName), der(0x0c, Buffer.from(subject)))));
  const validity = sequence(utcTime('200101000000Z'), utcTime('491231235959Z'));
  const address = sequence(der(0x87, Buffer.from([127, 0, 0, 1])), der(0x82, Buffer.from(host)));
  const extensions = der(
    0xa3,
    sequence(
      sequence(raw(basicConstraints), der(0x04, sequence(der(0x01, Buffer.from([0xff]))))),
      sequence(raw(subjectAltName), der(0x04, address)),
    ),
  );
  const body = sequence(
    der(0xa0, der(0x02, Buffer.from([2]))),
    der(0x02, Buffer.from([1])),
    algorithm,
    name,
    validity,
    name,
    publicKey.export({ type: 'spki', format: 'der' }),
    extensions,
  );
  const signature = der(0x03, Buffer.concat([Buffer.from([0]), sign('sha256', body, privateKey)]));
  const base64 = sequence(body, algorithm, signature)
    .toString('base64')
    .replace(/.{64}(?=.)/g, '$&\n');
  return {
    pem: `-----BEGIN CERTIFICATE-----\n${base64}\n-----END CERTIFICATE-----\n`,
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  };
}

function der(tag: number, content: Buffer): Buffer {
  const { length } = content;
  const size =
    length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...size]), content]);
}

function sequence(...parts: Buffer[]): Buffer {
  return der(0x30, Buffer.concat(parts));
}

function raw(hex: string): Buffer {
  return Buffer.from(hex, 'hex');
}

function utcTime(text: string): Buffer {
  return der(0x17, Buffer.from(text));
}
