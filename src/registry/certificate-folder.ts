import { readdirSync } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { messageOf, PackferryError, systemCodeOf } from '../core/errors.ts';
import { portOf } from '../core/hosts.ts';
import { limits } from '../core/limits.ts';
import type { ClientCertificate } from './options.ts';

/** What a folder such as /etc/docker/certs.d/registry.example:5000 holds. */
export interface HostCertificates {
  /** The folder. */
  readonly from: string;
  /** In PEM form. */
  readonly ca: readonly string[];
  readonly client: ClientCertificate | undefined;
}

/**
 * Reads the certificates of a host: `*.crt` are authorities, `*.cert` with a `*.key` of the same name is what the host
 * is shown (docs.docker.com/engine/security/certificates). `folders` are the parents in order; only the first that has
 * a folder of one of the `names` counts, as in containers-certs.d(5). A folder that may not be read is passed over
 * there, and so it is here. Throws `E_CREDENTIALS`.
 */
export async function readHostCertificates(
  folders: readonly string[],
  names: readonly string[],
): Promise<HostCertificates | undefined> {
  for (const folder of folders.flatMap((parent) => names.map((name) => path.join(parent, name)))) {
    const files = await filesIn(folder);
    if (files !== undefined) return readFolder(folder, files);
  }
  return undefined;
}

/** What folders for a host may be called: as people write it, and with its port. */
export function certificateFolderNames(url: URL, host = url.host): string[] {
  return [...new Set([host, url.host, `${url.hostname}:${portOf(url)}`])];
}

/**
 * Does the folder that counts for this host, see `readHostCertificates`, hold any? Waits for the disk: it is asked for hosts of this
 * machine only.
 */
export function hasHostCertificates(folders: readonly string[], names: readonly string[]): boolean {
  for (const folder of folders.flatMap((parent) => names.map((name) => path.join(parent, name)))) {
    try {
      return readdirSync(folder).some((name) => /\.(crt|cert)$/.test(name));
    } catch {
      // Not there, or not to be read: the next one counts.
    }
  }
  return false;
}

async function readFolder(folder: string, files: readonly string[]): Promise<HostCertificates> {
  const read = async (name: string): Promise<string> => readPem(path.join(folder, name));
  const ca = await Promise.all(files.filter((name) => name.endsWith('.crt')).map(read));
  const pairs = files.filter((name) => /\.(cert|key)$/.test(name));
  const lonely = pairs.find((name) => !pairs.includes(partnerOf(name)));
  if (lonely !== undefined) {
    throw unusable(`${path.join(folder, lonely)} has no ${partnerOf(lonely)} beside it`);
  }
  const cert = pairs.find((name) => name.endsWith('.cert'));
  const client =
    cert === undefined ? undefined : { cert: await read(cert), key: await read(partnerOf(cert)) };
  return { from: folder, ca, client };
}

function partnerOf(name: string): string {
  return name.endsWith('.key') ? name.replace(/\.key$/, '.cert') : name.replace(/\.cert$/, '.key');
}

async function filesIn(folder: string): Promise<readonly string[] | undefined> {
  try {
    return (await readdir(folder)).sort();
  } catch (cause) {
    if (['ENOENT', 'ENOTDIR', 'EACCES', 'EPERM'].includes(systemCodeOf(cause) ?? '')) return undefined;
    throw unusable(`${folder}: ${messageOf(cause)}`, cause);
  }
}

async function readPem(file: string): Promise<string> {
  try {
    const { size } = await stat(file);
    if (size <= limits.caFile) return await readFile(file, 'utf8');
  } catch (cause) {
    throw unusable(`${file}: ${messageOf(cause)}`, cause);
  }
  throw unusable(`${file} is over the limit of ${limits.caFile} bytes`);
}

function unusable(message: string, cause?: unknown): PackferryError {
  return new PackferryError('E_CREDENTIALS', message, {
    hint: 'A certificate NAME.cert and its key NAME.key go together; authorities end in .crt.',
    cause,
  });
}
