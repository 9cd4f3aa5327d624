const untrusted = new Set([
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
]);

/** What a server says that does not get the client certificate that it wants (RFC 8446, section 6.2). */
const wantsCertificate = /ALERT_(CERTIFICATE_REQUIRED|BAD_CERTIFICATE|UNKNOWN_CA|CERTIFICATE_UNKNOWN)$/;

/** What OpenSSL makes of an answer that is not TLS; the name depends on its version. */
const notTls = new Set(['ERR_SSL_WRONG_VERSION_NUMBER', 'ERR_SSL_PACKET_LENGTH_TOO_LONG', 'EPROTO']);

/** Whom TLS has failed on, by the code of Node's fault; undefined when the fault is another one. */
export function tlsFaultOf(
  code: string,
): 'untrusted' | 'expired' | 'wants certificate' | 'other name' | 'not TLS' | undefined {
  if (untrusted.has(code)) return 'untrusted';
  if (code === 'CERT_HAS_EXPIRED' || code === 'CERT_NOT_YET_VALID') return 'expired';
  if (wantsCertificate.test(code)) return 'wants certificate';
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') return 'other name';
  return notTls.has(code) ? 'not TLS' : undefined;
}
