import { X509Certificate } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { PackferryError } from '../core/errors.ts';
import type { Emit } from '../core/events.ts';
import { limits } from '../core/limits.ts';
import { decodeText, readFile } from '../pack/read-file.ts';
import type { ServerAccount } from '../registry/server-account.ts';
import type { ServerTls } from '../registry/server.ts';
import { readCertificates, readKeyFor } from './certificate-file.ts';

/** Options on who may reach a server, and how. */
export interface ServerGuardOptions {
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  readonly username?: string;
  readonly passwordFile?: string;
}

/**
 * The certificate and key that a server is to show; undefined for plain HTTP. Throws `E_USAGE` for one without the other,
 * `E_CREDENTIALS` for what cannot be used, a certificate that has expired included.
 */
export async function serverTls(
  { tlsCert, tlsKey }: ServerGuardOptions,
  now: Date,
): Promise<ServerTls | undefined> {
  if (tlsCert === undefined && tlsKey === undefined) return undefined;
  if (tlsCert === undefined || tlsKey === undefined)
    throw halfGiven('--tls-cert and --tls-key belong together', '--tls-cert FILE --tls-key FILE');
  const cert = await readCertificates(tlsCert, '--tls-cert', 'E_CREDENTIALS');
  const { validTo } = new X509Certificate(cert);
  if (Date.parse(validTo) < now.getTime()) {
    throw new PackferryError('E_CREDENTIALS', `--tls-cert ${tlsCert}: the certificate expired: ${validTo}`, {
      hint: 'No client would accept it: renew it.',
    });
  }
  return { cert, key: await readKeyFor(cert, tlsKey, '--tls-key', 'E_CREDENTIALS') };
}

/**
 * The one account that a server lets in; undefined when everybody may. Throws `E_USAGE` and `E_CREDENTIALS`. That others can
 * read the file is told.
 */
export async function serverAccount(
  { username: name, passwordFile: file }: ServerGuardOptions,
  emit: Emit,
): Promise<ServerAccount | undefined> {
  if (name === undefined && file === undefined) return undefined;
  if (name === undefined || file === undefined)
    throw halfGiven('--username and --password-file belong together', '--username NAME --password-file FILE');
  if (name === '' || name.includes(':'))
    throw halfGiven('--username: no name of an account', 'a name without a colon');
  const bytes = await readFile(file, { code: 'E_CREDENTIALS', maxBytes: limits.passphraseFile });
  const [password = ''] = decodeText(bytes, file, 'E_CREDENTIALS').split(/\r?\n/);
  if (password === '') {
    throw new PackferryError('E_CREDENTIALS', `--password-file ${file}: its first line is empty`, {
      hint: 'Write the password into the first line.',
    });
  }
  const mode = (await stat(file)).mode & 0o777;
  if ((mode & 0o077) !== 0) {
    const message = `others may read the password in ${file} (mode ${mode.toString(8)}): chmod 600 ${file}`;
    emit({ type: 'note', level: 'warning', message });
  }
  return { name, password };
}

function halfGiven(message: string, give: string): PackferryError {
  return new PackferryError('E_USAGE', message, { hint: `Give ${give}.` });
}
