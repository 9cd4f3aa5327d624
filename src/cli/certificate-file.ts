import { X509Certificate } from 'node:crypto';
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

/** Reads a PEM file, also of a key. */
export async function readPem(file: string, what: string, code: ErrorCode): Promise<string> {
  try {
    return (await readFile(file, { code, maxBytes: limits.caFile })).toString('utf8');
  } catch (cause) {
    throw new PackferryError(code, `${what} ${messageOf(cause)}`, {
      hint: 'Name a PEM file that can be read.',
      cause,
    });
  }
}
