import { createReadStream } from 'node:fs';
import path from 'node:path';
import { collect } from '../core/collect.ts';
import { messageOf, PackferryError, type ErrorCode } from '../core/errors.ts';
import { silent, type Emit } from '../core/events.ts';
import { limits } from '../core/limits.ts';
import { noteSecret } from '../core/redact.ts';
import { readAllowedSigners, type AllowedSigners } from '../trust/allowed-signers.ts';
import { openSigningKey } from '../trust/open-signing-key.ts';
import { readRevokedKeys, type RevokedKeys } from '../trust/revoked-keys.ts';
import type { Signer } from '../trust/signer.ts';
import { firstOf, guardedFirstOf, placesOf, tellPassedOver, warnWhenLoose } from './configured.ts';
import type { Context } from './context.ts';
import { askSecret, isInteractive } from './prompt.ts';
import type { Session } from './session.ts';

export interface TrustOptions {
  /** The allowed_signers file. */
  readonly trustedKeys?: string;
  readonly revokedKeys?: readonly string[];
}

/** The keys that are trusted here: the file that was named, else the machine's, else the user's; without the revoked ones. */
export async function trustedKeys(
  context: Context,
  options: TrustOptions,
  emit: Emit = silent,
): Promise<AllowedSigners> {
  const { trustedKeys: named, revokedKeys: lists = [] } = options;
  const file = named ?? (await placeOfTrustedKeys(context));
  if (named !== undefined)
    await tellPassedOver('the file of trusted keys', named, placesOf('allowed_signers', context), emit);
  for (const one of named === undefined ? lists : [named, ...lists]) await warnWhenLoose(one, emit);
  const allowed = await readAllowedSigners(file);
  return { ...allowed, revoked: await revokedKeys(context, file, lists) };
}

async function placeOfTrustedKeys(context: Context): Promise<string> {
  const places = placesOf('allowed_signers', context);
  const hint = 'Make it readable, or name the file of trusted keys: --trusted-keys FILE.';
  const place = await guardedFirstOf(places, context, hint);
  if (place !== undefined) return place;
  throw new PackferryError(
    'E_USAGE',
    'no trusted keys: a bundle can only be verified against keys that you trust',
    {
      hint: `Trust the key of whoever makes the bundles: packferry trust add KEY --principal NAME. Or give --trusted-keys FILE. Looked for ${places.join(' and ')}.`,
    },
  );
}

/**
 * Every list of revoked keys that there is counts, for a list can only refuse: those that were named, which must be
 * there, the machine's, the user's, and the one beside the allowed_signers file in use.
 */
async function revokedKeys(context: Context, file: string, named: readonly string[]): Promise<RevokedKeys[]> {
  const hint = 'Make it readable: it may list keys that are revoked.';
  const usual = placesOf('revoked_keys', context).map((place) => path.resolve(place));
  const beside = path.resolve(path.dirname(file), 'revoked_keys');
  const found = await Promise.all([
    ...usual.map((place) => guardedFirstOf([place], context, hint)),
    ...(usual.includes(beside) ? [] : [firstOf([beside], 'E_TRUST_UNREADABLE', hint)]),
  ]);
  const files = [...named, ...found.filter((place) => place !== undefined)];
  return Promise.all(files.map(readRevokedKeys));
}

/** What the options are called that name a key and the file of its passphrase, for hints. */
interface KeyOptionNames {
  readonly key?: string;
  readonly passphrase?: string;
}

/**
 * Opens what signs: a key file, which asks for its passphrase where somebody can answer, an agent, or ssh-keygen. The
 * passphrase file may be a function, which is asked for it only when there is need.
 */
export async function signingKey(
  session: Session,
  file: string,
  passphraseFile: string | (() => string) | undefined,
  { key = '--key', passphrase: option = '--passphrase-file' }: KeyOptionNames = {},
): Promise<Signer> {
  const { context, pause, signal } = session;
  const passphrase = async (): Promise<string> => {
    if (passphraseFile !== undefined)
      return readPassphrase(typeof passphraseFile === 'string' ? passphraseFile : passphraseFile());
    if (isInteractive(context)) {
      pause();
      return askSecret(context, `Passphrase of ${file}: `);
    }
    throw new PackferryError(
      'E_KEY_PASSPHRASE',
      `${file} is encrypted and there is no terminal to ask for the passphrase`,
      {
        hint: `Give ${option} FILE, or add the key to an ssh-agent and give its public key: ${key} FILE.pub.`,
      },
    );
  };
  const { env } = context;
  return openSigningKey(file, {
    passphrase,
    ...(passphraseFile === undefined ? {} : { passphraseForSshKeygen: passphrase }),
    env,
    isInteractive: isInteractive(context),
    signal,
    beforePrompt: pause,
  });
}

/** What a file with a secret is called, and the code of its faults. */
interface SecretFile {
  readonly code: ErrorCode;
  readonly what: string;
}

/** The first line of a passphrase file of at most `limits.passphraseFile` bytes; a pipe will do. */
export async function readPassphrase(
  file: string,
  { code, what }: SecretFile = { code: 'E_KEY_PASSPHRASE', what: 'passphrase' },
): Promise<string> {
  try {
    const bytes = await collect(createReadStream(file), limits.passphraseFile, file);
    const [line = ''] = bytes.toString('utf8').split(/\r?\n/);
    noteSecret(line);
    return line;
  } catch (cause) {
    throw new PackferryError(code, `the ${what} file ${file} cannot be read: ${messageOf(cause)}`, {
      hint: `Name a file whose first line is the ${what}.`,
      cause,
    });
  }
}
