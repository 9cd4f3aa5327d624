import { createPrivateKey, type KeyObject } from 'node:crypto';
import type { ParsedKey, utils } from 'ssh2';
import { PackferryError } from '../core/errors.ts';
import { type KeyEnvelope, type KeyFile, readEnvelope, unreadableKey } from './key-envelope.ts';
import { ed25519 } from '../core/ssh-keys/ed25519.ts';
import type { SoftwareKeyType } from '../core/ssh-keys/key-type.ts';
import { softwareTypeOf } from '../core/ssh-keys/key-types.ts';
import { loadPublicKey } from '../core/ssh-keys/loaded-key.ts';
import { openPlainEd25519 } from './plain-ed25519.ts';
import { quote } from '../core/quote.ts';

/** Asks a person or a file for the passphrase; called once at most. */
export type AskPassphrase = () => Promise<string>;

/** A private key that is ready to sign. */
export interface OpenedKey {
  readonly type: SoftwareKeyType;
  readonly privateKey: KeyObject;
  /** The public key as an SSH blob. */
  readonly publicKey: Buffer;
  readonly comment: string;
}

/**
 * Opens a private key. The file is checked here as far as it is plain; ssh2 opens what is encrypted. Both must speak of
 * the same key, which a trial signature shows. Errors: `E_KEY_UNREADABLE`, `E_KEY_UNSUPPORTED`, `E_KEY_PASSPHRASE`.
 */
export async function openPrivateKey(file: KeyFile, ask: AskPassphrase | undefined): Promise<OpenedKey> {
  const fail = unreadableKey(file.name);
  const envelope = readEnvelope(file);
  const { type: plainType, verify, certificate } = loadPublicKey(envelope.publicKey, fail);
  if (certificate !== undefined) throw fail('its public part is a certificate');
  const type = softwareTypeOf(plainType.name);
  if (type === undefined) throw unsupportedType(file.name, plainType.name);
  if (envelope.foreignCipher !== undefined) throw unsupportedCipher(file.name, envelope.foreignCipher);

  // The everyday key. Anything else needs ssh2, which takes longer to load than all of this.
  const isPlain = !envelope.encrypted && type === ed25519;
  const parsed = isPlain ? openPlainEd25519(envelope.sealed, fail) : await unseal(file.name, envelope, ask);
  if (parsed.type !== type.name) throw fail('its private and public parts are of different types');
  try {
    const privateKey = 'key' in parsed ? parsed.key : createPrivateKey(parsed.getPrivatePEM());
    const trial = Buffer.from('packferry');
    if (verify(type.sign(privateKey, trial), trial, fail) === undefined)
      throw fail('its private and public parts do not belong together');
    return { type, privateKey, publicKey: envelope.publicKey, comment: parsed.comment };
  } catch (cause) {
    if (cause instanceof PackferryError) throw cause;
    throw new PackferryError('E_KEY_UNREADABLE', `${file.name}: its private part is malformed`, { cause });
  }
}

async function unseal(
  name: string,
  envelope: KeyEnvelope,
  ask: AskPassphrase | undefined,
): Promise<ParsedKey> {
  const passphrase = envelope.encrypted ? await passphraseFor(name, ask) : undefined;
  // Loaded only when needed.
  const { default: ssh2 } = await import('ssh2');
  const parsed = parse(ssh2.utils, envelope.armored, passphrase);
  if (!(parsed instanceof Error)) return parsed;
  if (!envelope.encrypted) throw unreadableKey(name)(parsed.message);
  throw new PackferryError('E_KEY_PASSPHRASE', `${name}: the passphrase does not open this key`, {
    hint: 'Give the right passphrase. If it is right, the file is damaged: check with ssh-keygen -y -f FILE.',
    cause: parsed,
  });
}

/** parseKey returns its errors, but some malformed numbers make it throw. */
function parse(
  { parseKey }: typeof utils,
  armored: string,
  passphrase: string | undefined,
): ParsedKey | Error {
  try {
    return parseKey(armored, passphrase);
  } catch (fault) {
    return new Error('its private part is malformed', { cause: fault });
  }
}

async function passphraseFor(name: string, ask: AskPassphrase | undefined): Promise<string> {
  const passphrase = await ask?.();
  if (passphrase !== undefined && passphrase !== '') return passphrase;
  throw new PackferryError('E_KEY_PASSPHRASE', `${name}: the key is encrypted, and no passphrase was given`, {
    hint: 'Give the passphrase of the key.',
  });
}

function unsupportedType(name: string, type: string): PackferryError {
  return new PackferryError(
    'E_KEY_UNSUPPORTED',
    `${name}: a key of type ${quote(type)} is kept in hardware`,
    {
      hint: 'ssh-keygen or an ssh-agent signs with it.',
    },
  );
}

function unsupportedCipher(name: string, cipher: string): PackferryError {
  return new PackferryError(
    'E_KEY_UNSUPPORTED',
    `${name}: encrypted with ${quote(cipher)}, which cannot be read here`,
    { hint: `Encrypt a copy of it anew: ssh-keygen -p -Z aes256-ctr -f ${name}` },
  );
}
