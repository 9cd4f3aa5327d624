import { createReadStream } from 'node:fs';
import ssh2, { type ParsedKey } from 'ssh2';
import { collect } from '../core/collect.ts';
import { messageOf, systemCodeOf } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import type { AskPerson } from './questions.ts';

/** A key file that may let the user in. */
export interface Identity {
  readonly file: string;
  /** The wire form of the public key, where it is known without a passphrase. */
  readonly publicBlob: Buffer | undefined;
  /** Opens the private key, once more each time; a text says why it cannot be used. */
  readonly open: (ask: AskPerson | undefined) => Promise<ParsedKey | string>;
}

const passphraseTries = 3;

/** Reads key files. Those that are not there are left out, and told to `onUnusable` when somebody has named them. */
export async function readIdentities(
  files: readonly string[],
  onUnusable: (why: string) => void,
  areDefault: boolean,
): Promise<Identity[]> {
  const found: Identity[] = [];
  for (const file of files) {
    const bytes = await readKey(file);
    if (typeof bytes === 'string') {
      if (!areDefault || bytes !== noFile) onUnusable(`${file}: ${bytes}`);
      continue;
    }
    const plain = parse(bytes);
    const beside = plain instanceof Error ? await readKey(`${file}.pub`) : undefined;
    const besideKey = beside === undefined || typeof beside === 'string' ? undefined : parse(beside);
    const isSecurityKey =
      plain instanceof Error &&
      (plain.message.includes('type: sk-') ||
        (typeof beside !== 'string' && beside?.toString().startsWith('sk-')));
    const isPublic = !(plain instanceof Error) && !plain.isPrivateKey();
    const known = plain instanceof Error ? besideKey : plain;
    found.push({
      file,
      publicBlob: known === undefined || known instanceof Error ? undefined : known.getPublicSSH(),
      open: async (ask) => {
        if (isSecurityKey) return `${file} belongs to a security key`;
        if (isPublic) return `${file} is a public key, whose private one no agent holds`;
        return plain instanceof Error ? openLocked(file, bytes, plain, ask) : plain;
      },
    });
  }
  return found;
}

async function openLocked(
  file: string,
  bytes: Buffer,
  fault: Error,
  ask: AskPerson | undefined,
): Promise<ParsedKey | string> {
  if (!fault.message.includes('no passphrase given')) return `${file}: ${fault.message}`;
  if (ask === undefined) return `${file} is encrypted, and nobody can be asked for its passphrase`;
  for (let tried = 0; tried < passphraseTries; tried += 1) {
    const passphrase = await ask({ kind: 'passphrase', text: `Passphrase of ${file}: `, isShown: false });
    // As ssh: an empty answer goes on without this key.
    if (passphrase === '') return `${file}: no passphrase was given`;
    const key = parse(bytes, passphrase);
    if (!(key instanceof Error)) return key;
  }
  return `${file}: the passphrase is wrong`;
}

function parse(bytes: Buffer, passphrase?: string): ParsedKey | Error {
  const key: ParsedKey | readonly ParsedKey[] | Error = ssh2.utils.parseKey(bytes, passphrase);
  if (!Array.isArray(key)) return key;
  return (key[0] as ParsedKey | undefined) ?? new Error('no key');
}

const noFile = 'there is no such file';

async function readKey(file: string): Promise<Buffer | string> {
  try {
    return await collect(createReadStream(file), limits.keyFile, file);
  } catch (fault) {
    return systemCodeOf(fault) === 'ENOENT' ? noFile : messageOf(fault);
  }
}
