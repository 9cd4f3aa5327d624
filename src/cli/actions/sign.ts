import { PackferryError } from '../../core/errors.ts';
import { formatSize } from '../../core/size.ts';
import { signBundle, type SignPlan } from '../../flows/sign.ts';
import { siteWitness } from '../../flows/witness.ts';
import type { SignReport } from '../../schema/reports-sign.ts';
import { trustedKeys } from '../keys.ts';
import { confirm, isInteractive } from '../prompt.ts';
import type { Action, CommonOptions, Session } from '../session.ts';
import { openSigningKeys } from '../signing-keys.ts';
import { termLines } from '../text/terms.ts';
import { count } from '../text/plural.ts';
import { table } from '../text/table.ts';
import { visible } from '../text/visible.ts';

export interface SignOptions extends CommonOptions {
  readonly key: string;
  readonly passphraseFile?: string;
  readonly trustedKeys?: string;
  readonly revokedKeys?: readonly string[];
  readonly witness?: string;
  readonly yes?: boolean;
}

/** `sign BUNDLE --key FILE` */
export const sign: Action<SignOptions> = async (session, [dir = ''], options) => {
  const { context, emit, signal } = session;
  if (options.yes !== true && !isInteractive(context)) {
    throw new PackferryError('E_USAGE', 'there is no terminal to ask whether this is to be signed', {
      hint: 'Look at it with "packferry inspect BUNDLE", then give --yes.',
    });
  }
  const allowed = await trustedKeys(context, options, emit);
  const { key: keyName, passphraseFile } = options;
  const files = passphraseFile === undefined ? [] : [passphraseFile];
  const [signer] = await openSigningKeys(session, [keyName], files);
  const approve = approval(session, options);
  const report = await signBundle({
    ...{ dir, signer, keyName, allowed, approve, emit, signal },
    now: context.now,
    witness: await siteWitness(options.witness),
  });
  return { report, text: '', summary: summaryOf(report) };
};

/** Shows what is signed, and asks. */
function approval(session: Session, { yes }: SignOptions): (plan: SignPlan) => Promise<boolean> {
  return async (plan) => {
    if (yes === true) return true;
    const { context } = session;
    session.pause();
    context.stderr.write(`${planText(plan)}\n`);
    return confirm(context, 'Sign it?');
  };
}

function planText({ bundle, signer }: SignPlan): string {
  const { document, signers, sumsSha256 } = bundle;
  const { name, sequence, createdAt, images, archives } = document;
  const size = formatSize(archives.reduce((sum, archive) => sum + archive.size, 0));
  return [
    `${name} ${sequence} of ${createdAt}: ${count(images.length, 'image')}, ${size}. All of it was verified.`,
    ...termLines(document),
    table(images, [
      { title: 'IMAGE', value: ({ reference }) => reference },
      { title: 'DIGEST', value: ({ manifest }) => manifest.digest },
    ]),
    `sha256 of SHA256SUMS: ${sumsSha256}`,
    `Signed by ${signersText(signers)}.`,
    `You sign as ${signersText([signer])}.`,
  ].join('\n');
}

function signersText(signers: readonly SignReport['signers'][number][]): string {
  return signers.map(({ principal, fingerprint }) => `${visible(principal)} (${fingerprint})`).join(', ');
}

function summaryOf({ dir, name, sequence, sumsSha256, signers, added }: SignReport): string {
  if (added === undefined) return 'Nothing was signed.';
  return [
    `Added ${added.file} to ${dir}: ${name} ${sequence}, SHA256SUMS ${sumsSha256}.`,
    `Signed by ${signersText([...signers, added])}.`,
  ].join('\n');
}
