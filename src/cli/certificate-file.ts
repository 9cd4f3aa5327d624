import { X509Certificate } from 'node:crypto';
import { createSecureContext } from 'node:tls';
import { messageOf, PackferryError, type ErrorCode } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import { readFile } from '../pack/read-file.ts';

/**
 * Reads a PEM file of certificates. `what` says who names the file and begins the message; the error is of the code
 * `code`.
 */
export async function readCertificates(file: string, what: string, code: ErrorCode): Promise<string> {
  const pem = await readPem(file, what, code);
  try {
    // Reads the first one; what is no certificate at all would be passed over in silence.
    new X509Certificate(pem);
    return pem;
  } catch (cause) {
    throw new PackferryError(code, `${what} ${file}: no certificate in PEM form`, {
      hint: 'Such a file begins with -----BEGIN CERTIFICATE-----.',
      cause,
    });
  }
}

/** Reads the PEM file of the key for a certificate. */
export async function readKeyFor(
  certificate: string,
  file: string,
  what: string,
  code: ErrorCode,
): Promise<string> {
  const key = await readPem(file, what, code);
  try {
    createSecureContext({ cert: certificate, key });
    return key;
  } catch (cause) {
    throw new PackferryError(code, `${what} ${file}: no key for the certificate: ${messageOf(cause)}`, {
      hint: 'It must be the PEM file of the key that the certificate was made for, without a passphrase.',
      cause,
    });
  }
}

/** Reads a PEM file. */
async function readPem(file: string, what: string, code: ErrorCode): Promise<string> {
  try {
    return (await readFile(file, { code, maxBytes: limits.caFile })).toString('utf8');
  } catch (cause) {
    throw new PackferryError(code, `${what} ${messageOf(cause)}`, {
      hint: 'Name a PEM file that can be read.',
      cause,
    });
  }
}
