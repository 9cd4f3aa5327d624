/** A host key algorithm by which a host shows a certificate (OpenSSH, PROTOCOL.certkeys). */
export interface CertificateAlgorithm {
  readonly name: string;
  /** The type name inside the certificate. */
  readonly certificateType: string;
  /** The type of the key that it is about. */
  readonly keyType: string;
  /** What the host signs the exchange of keys with. */
  readonly signature: string;
}

const version = '-cert-v01@openssh.com';

function certified(keyType: string, signature = keyType): CertificateAlgorithm {
  return {
    name: `${signature}${version}`,
    certificateType: `${keyType}${version}`,
    keyType,
    signature,
  };
}

/** As OpenSSH's client has them, best first, without those of security keys, whose signatures ssh2 cannot check. */
export const certificateAlgorithms: readonly CertificateAlgorithm[] = [
  certified('ssh-ed25519'),
  certified('ecdsa-sha2-nistp256'),
  certified('ecdsa-sha2-nistp384'),
  certified('ecdsa-sha2-nistp521'),
  certified('ssh-rsa', 'rsa-sha2-512'),
  certified('ssh-rsa', 'rsa-sha2-256'),
];
