import { PackferryError, systemCodeOf } from '../core/errors.ts';
import { listAgentKeys, signWithAgent, type AgentKey } from './agent.ts';
import { type KeyEnvelope, readEnvelope, unreadableKey, unreadablePublicKey } from './key-envelope.ts';
import { readKeyHalf, type KeyHalf } from './key-file.ts';
import { softwareTypeOf } from '../core/ssh-keys/key-types.ts';
import { loadPublicKey, typeNameOf } from '../core/ssh-keys/loaded-key.ts';
import { type AskPassphrase, openPrivateKey } from './private-key.ts';
import { fingerprintOf, parsePublicKey, type ReadPublicKey } from './public-key.ts';
import { openSigner, type Signer, signerOf, signingData } from './signer.ts';
import { signWithSshKeygen } from './ssh-keygen-sign.ts';

export interface SigningKeyOptions {
  /** Asked only for a key file that is encrypted and read here. */
  readonly passphrase?: AskPassphrase;
  /** For a key file that is encrypted and left to ssh-keygen; without it ssh-keygen asks on the terminal. */
  readonly passphraseForSshKeygen?: AskPassphrase | undefined;
  /** For ssh-keygen as a child; `SSH_AUTH_SOCK` in it names the agent. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Somebody can answer the prompts of ssh-keygen. */
  readonly isInteractive: boolean;
  readonly signal?: AbortSignal;
  /** Called before somebody else may write to the terminal. */
  readonly beforePrompt?: () => void;
}

/**
 * Opens whatever signs with a key. A private key file is read here; one of a security key, or encrypted in a way that
 * cannot be read here, is left to ssh-keygen. A public key or certificate stands for the ssh-agent that holds it, or
 * else for the private key beside it. Errors: those of `readKeyFile` and `openSigner`, and `E_KEY_UNAVAILABLE`.
 */
export async function openSigningKey(path: string, options: SigningKeyOptions): Promise<Signer> {
  const half = await readKeyHalf(path);
  if (half.isPublic) return openPublicHalf(half, options);
  const envelope = readEnvelope(half);
  return needsSshKeygen(half, envelope)
    ? bySshKeygen({ name: path, blob: envelope.publicKey, comment: '' }, envelope, options)
    : openSigner(half, options.passphrase);
}

function needsSshKeygen({ name }: KeyHalf, { publicKey, foreignCipher }: KeyEnvelope): boolean {
  const fail = unreadableKey(name);
  loadPublicKey(publicKey, fail);
  return foreignCipher !== undefined || softwareTypeOf(typeNameOf(publicKey, fail)) === undefined;
}

async function openPublicHalf(half: KeyHalf, options: SigningKeyOptions): Promise<Signer> {
  const { name, text } = half;
  const fail = unreadablePublicKey(name);
  const key = parsePublicKey(text.toString('utf8').trim(), fail);
  const socket = options.env['SSH_AUTH_SOCK'] ?? '';
  const { signal, beforePrompt } = options;
  if (socket !== '') {
    const agent = { socket, signal };
    const held = heldBy(await listAgentKeys(agent), key);
    if (held !== undefined) {
      const sign = (data: Buffer): Promise<Buffer> => {
        beforePrompt?.();
        return signWithAgent(agent, held.blob, data);
      };
      return signerOf({ name, publicKey: key.blob, comment: key.comment, sign: signingData(key.blob, sign) });
    }
  }
  return openBeside(half, key, socket, options);
}

/** An agent may hold the key with this certificate, or alone; the signature is the same. */
function heldBy(held: readonly AgentKey[], { blob, loaded }: ReadPublicKey): AgentKey | undefined {
  return held.find((one) => one.blob.equals(blob)) ?? held.find((one) => one.blob.equals(loaded.plain));
}

/** The private key of `key.pub` and `key-cert.pub` lies at `key`, as ssh-keygen puts it there. */
async function openBeside(
  { name }: KeyHalf,
  key: ReadPublicKey,
  socket: string,
  options: SigningKeyOptions,
): Promise<Signer> {
  const path = name.replace(/(?:-cert)?\.pub$/, '');
  const half = path === name ? undefined : await readKeyHalf(path).catch(passOver);
  if (half === undefined || half.isPublic) throw notHeld(name, key, socket);
  const fail = unreadableKey(path);
  const envelope = readEnvelope(half);
  if (!envelope.publicKey.equals(key.loaded.plain)) throw fail(`it is not the key of ${name}`);
  if (needsSshKeygen(half, envelope)) return bySshKeygen({ ...key, name }, envelope, options);
  const { type, privateKey } = await openPrivateKey(half, options.passphrase);
  const sign = signingData(key.blob, (data) => Promise.resolve(type.sign(privateKey, data)));
  return signerOf({ name: path, publicKey: key.blob, comment: key.comment, sign });
}

/** No private key there; one that is there and unreadable is told. */
function passOver(fault: unknown): undefined {
  if (fault instanceof PackferryError && systemCodeOf(fault.cause) === 'ENOENT') return undefined;
  throw fault;
}

function notHeld(name: string, { loaded }: ReadPublicKey, socket: string): PackferryError {
  const agent = socket === '' ? 'there is no ssh-agent (SSH_AUTH_SOCK is not set)' : 'the ssh-agent lacks it';
  return new PackferryError(
    'E_KEY_UNAVAILABLE',
    `${name}: nothing can sign with the key ${fingerprintOf(loaded.plain)}: ${agent}, and no private key lies beside it`,
    { hint: 'Add the key to the agent (ssh-add), or give --key the private key file.' },
  );
}

async function bySshKeygen(
  { name, blob, comment }: { readonly name: string; readonly blob: Buffer; readonly comment: string },
  { encrypted }: KeyEnvelope,
  { env, isInteractive, signal, beforePrompt, passphraseForSshKeygen }: SigningKeyOptions,
): Promise<Signer> {
  const passphrase = encrypted ? await passphraseForSshKeygen?.() : undefined;
  return signerOf({
    name,
    publicKey: blob,
    comment,
    sign: (message, namespace) => {
      beforePrompt?.();
      return signWithSshKeygen({ path: name, env, isInteractive, passphrase, signal }, message, namespace);
    },
  });
}
