import { PackferryError } from '../../core/errors.ts';
import type { KeyType } from '../../core/names.ts';
import { generateSigningKey } from '../../flows/keygen.ts';
import { refuseKeyPair } from '../../trust/key-pair-files.ts';
import { readPassphrase } from '../keys.ts';
import { askSecret, isInteractive } from '../prompt.ts';
import type { Action, CommonOptions, Session } from '../session.ts';
import { visible } from '../text/visible.ts';

export interface KeygenOptions extends CommonOptions {
  readonly output: string;
  readonly type: KeyType;
  readonly principal?: string;
  readonly passphraseFile?: string;
  readonly passphrase: boolean;
}

/** `keygen -o FILE` */
export const keygen: Action<KeygenOptions> = async (session, _args, options) => {
  const { user, host } = session.context.machine;
  // As ssh-keygen comments keys.
  const principal = options.principal ?? `${user}@${host}`;
  await refuseKeyPair(options.output);
  const passphrase = await passphraseFor(session, options);
  const report = await generateSigningKey({
    file: options.output,
    type: options.type,
    principal,
    passphrase,
  });
  const summary = [
    `Wrote ${report.privateKey} (keep it secret) and ${report.publicKey}.`,
    `Fingerprint ${report.fingerprint}`,
    'Every site that is to accept your bundles adds the printed line (packferry trust add), and types the fingerprint, which',
    'has to get there on another way than the line.',
  ]
    .map(visible)
    .join('\n');
  return { report, text: report.allowedSigners, summary };
};

/** No passphrase when somebody says so; otherwise from the file, or asked for twice. */
async function passphraseFor(session: Session, options: KeygenOptions): Promise<string | undefined> {
  const { context } = session;
  if (!options.passphrase) return undefined;
  if (options.passphraseFile !== undefined) return readPassphrase(options.passphraseFile);
  if (!isInteractive(context)) {
    throw new PackferryError('E_USAGE', 'there is no terminal to ask for a passphrase', {
      hint: 'Give --passphrase-file FILE, or --no-passphrase for a key that lies on a protected disk.',
    });
  }
  const first = await askSecret(context, 'Passphrase (empty for none): ');
  const second = await askSecret(context, 'Once more: ');
  if (first !== second) {
    throw new PackferryError('E_USAGE', 'the two passphrases differ; no key was made', {
      hint: 'Run the same command again.',
    });
  }
  return first === '' ? undefined : first;
}
