import { X509Certificate } from 'node:crypto';
import { createReadStream } from 'node:fs';
import path from 'node:path';
import { createSecureContext, type SecureContext } from 'node:tls';
import { collect } from '../core/collect.ts';
import { messageOf, PackferryError, systemCodeOf } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import { configFolder, type Environment } from './docker-context.ts';

/** Where docker's client keeps what it speaks TLS with: `ca.pem`, `cert.pem` and `key.pem` in one folder. */
export interface TlsPlace {
  readonly folder: string | undefined;
  /** Who says that TLS is to be spoken. */
  readonly namedBy: string;
  /** Without an authority of its own nothing is believed; else those that Node knows. */
  readonly needsAuthority: boolean;
}

/** The variables by which docker's client is told to speak TLS. */
const tlsVariables = ['DOCKER_TLS_VERIFY', 'DOCKER_TLS', 'DOCKER_CERT_PATH'] as const;

/** What the variables say; undefined where they want no TLS. */
export function tlsByVariables(environment: Environment): TlsPlace | undefined {
  const named = tlsVariables.find((name) => (environment[name] ?? '') !== '');
  if (named === undefined) return undefined;
  const written = environment['DOCKER_CERT_PATH'] ?? '';
  const folder = written === '' ? configFolder(environment) : written;
  return { folder, namedBy: named, needsAuthority: true };
}

/**
 * Reads the certificates of a folder. As with docker's client the authority in `ca.pem` is the only one that counts (docker/cli,
 * `cli/context/docker/load.go`), and a certificate is shown only where its key lies beside it. Other than with docker's
 * client nothing switches the check of the engine's certificate off. Throws `E_ENDPOINT_INVALID`.
 */
export async function readTls({ folder, namedBy, needsAuthority }: TlsPlace): Promise<SecureContext> {
  if (folder === undefined) throw unusable(namedBy, 'neither DOCKER_CERT_PATH nor HOME says where they are');
  const read = (name: string): Promise<Buffer | undefined> => readPem(path.join(folder, name), namedBy);
  const [ca, cert, key] = await Promise.all(['ca.pem', 'cert.pem', 'key.pem'].map(read));
  if (ca === undefined && needsAuthority)
    throw unusable(namedBy, `${path.join(folder, 'ca.pem')} does not exist`);
  const own = cert === undefined || key === undefined ? {} : { cert, key };
  try {
    // What is no certificate at all would be passed over in silence.
    if (ca !== undefined) new X509Certificate(ca);
    return createSecureContext({ ...(ca === undefined ? {} : { ca }), ...own });
  } catch (fault) {
    throw unusable(namedBy, `${folder}: ${messageOf(fault)}`, fault);
  }
}

/** Undefined when there is no such file. */
async function readPem(file: string, namedBy: string): Promise<Buffer | undefined> {
  try {
    return await collect(createReadStream(file), limits.caFile, file);
  } catch (fault) {
    if (systemCodeOf(fault) === 'ENOENT') return undefined;
    throw unusable(namedBy, messageOf(fault), fault);
  }
}

function unusable(namedBy: string, why: string, cause?: unknown): PackferryError {
  return new PackferryError(
    'E_ENDPOINT_INVALID',
    `${namedBy}: Docker's certificates cannot be used: ${why}`,
    {
      hint: 'DOCKER_CERT_PATH names the folder with ca.pem, cert.pem and key.pem (without a passphrase); those of a context: "docker context inspect".',
      ...(cause === undefined ? {} : { cause }),
    },
  );
}
