import { createReadStream } from 'node:fs';
import { collect } from '../../core/collect.ts';
import { messageOf, PackferryError, systemCodeOf } from '../../core/errors.ts';
import { parseStrictJson } from '../../core/json.ts';
import { limits } from '../../core/limits.ts';
import { mappingOf, type Mapping } from '../../core/mapping.ts';
import { noteAccount, noteSecret } from '../../core/redact.ts';
import { authFileSchema, type AuthFileAccount, type AuthFileDocument } from '../../schema/auth-file.ts';
import { canonicalHost, keysFor, normalizeAuthKey } from './auth-key.ts';
import type { Credential } from './credential.ts';

/** A file with accounts, read. */
export interface AuthFile {
  readonly file: string;
  readonly document: AuthFileDocument;
  /** Everything that stands in it, for writing it again. */
  readonly whole: Mapping;
}

/**
 * Reads docker's `config.json` or podman's `auth.json`; undefined when there is none. Errors never quote the content,
 * which is secret. Throws `E_CREDENTIALS`.
 */
export async function readAuthFile(file: string): Promise<AuthFile | undefined> {
  const bytes = await bytesOf(file);
  if (bytes === undefined) return undefined;
  // Podman makes empty files.
  const value = bytes.toString('utf8').trim() === '' ? {} : parseQuietly(bytes, file);
  const result = authFileSchema.safeParse(value);
  if (result.success) {
    noteAccounts(result.data);
    return { file, document: result.data, whole: mappingOf(value) };
  }
  const [issue] = result.error.issues;
  throw unusable(`${file} is no file of accounts: ${issue?.path.map(String).join('.') ?? ''} is wrong`);
}

/** Nothing of any account may be shown, whichever is used. */
function noteAccounts({ auths }: AuthFileDocument): void {
  for (const { auth, username, password, identitytoken } of Object.values(auths ?? {})) {
    if (hasText(identitytoken)) noteSecret(identitytoken);
    if (hasText(password)) noteAccount(username ?? '', password);
    if (!hasText(auth)) continue;
    noteSecret(auth.trim());
    const decoded = decodeBase64(auth);
    noteSecret(decoded.slice(decoded.indexOf(':') + 1).replace(/\0+$/, ''));
  }
}

/** The name of the helper that keeps the account of a host: its own, else that of all hosts. */
export function helperFor({ document }: AuthFile, host: string): string | undefined {
  const own = Object.entries(document.credHelpers ?? {}).find(
    ([key]) => normalizeAuthKey(key) === canonicalHost(host),
  );
  // An empty name says: not this host.
  const name = own === undefined ? document.credsStore : own[1];
  return name === '' ? undefined : (name ?? undefined);
}

/** The account in the file itself that stands closest to a repository. Throws `E_CREDENTIALS` for a broken one. */
export function accountFor(authFile: AuthFile, host: string, path: string): Credential | undefined {
  const accounts = Object.entries(authFile.document.auths ?? {});
  for (const wanted of keysFor(host, path)) {
    for (const [key, account] of accounts) {
      if (normalizeAuthKey(key) !== wanted) continue;
      const credential = credentialIn(account, authFile.file, key);
      if (credential !== undefined) return credential;
    }
  }
  return undefined;
}

function credentialIn(account: AuthFileAccount, file: string, key: string): Credential | undefined {
  if (hasText(account.identitytoken)) return { kind: 'identity', token: account.identitytoken, from: file };
  if (hasText(account.auth)) {
    const [, username, password] = /^([^:]+):(.*)$/s.exec(decodeBase64(account.auth)) ?? [];
    if (username === undefined || password === undefined) {
      throw unusable(`${file}: auth of ${JSON.stringify(key)} is not the base64 of USER:PASSWORD`);
    }
    // Docker's client takes off the zero bytes that some of its ancestors left.
    return { kind: 'password', username, password: password.replace(/\0+$/, ''), from: file };
  }
  const { username, password } = account;
  if (!hasText(username) || !hasText(password)) return undefined;
  return { kind: 'password', username, password, from: file };
}

function hasText(text: string | null | undefined): text is string {
  return text !== undefined && text !== null && text !== '';
}

/** Empty for what is no base64. */
function decodeBase64(text: string): string {
  return /^[A-Za-z0-9+/_-]+={0,2}$/.test(text.trim()) ? Buffer.from(text, 'base64').toString('utf8') : '';
}

async function bytesOf(file: string): Promise<Buffer | undefined> {
  try {
    return await collect(createReadStream(file), limits.dockerConfig, file);
  } catch (cause) {
    if (['ENOENT', 'ENOTDIR'].includes(systemCodeOf(cause) ?? '')) return undefined;
    throw unusable(`${file} cannot be read: ${messageOf(cause)}`);
  }
}

function parseQuietly(bytes: Buffer, file: string): unknown {
  try {
    return parseStrictJson(bytes, { name: file, maxBytes: limits.dockerConfig });
  } catch {
    // The parser's words quote what stands there.
    throw unusable(`${file} is no JSON`);
  }
}

/** The error for a file of accounts that is of no use. */
export function unusable(message: string): PackferryError {
  return new PackferryError('E_CREDENTIALS', message, {
    hint: 'Repair the file, or name another one: --authfile FILE.',
  });
}
