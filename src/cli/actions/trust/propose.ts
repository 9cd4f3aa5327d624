import { proposeUpdate, readProposal, signUpdate } from '../../../flows/trust/propose.ts';
import type { TrustProposalReport } from '../../../schema/reports-trust.ts';
import type { Signer } from '../../../trust/signer.ts';
import { reportKey } from '../../../flows/trust/key-report.ts';
import { timeToWrite } from '../../context.ts';
import { signingKey } from '../../keys.ts';
import { confirm, isInteractive } from '../../prompt.ts';
import type { Action, CommonOptions, Session } from '../../session.ts';
import { keyWords } from '../../text/trust.ts';
import { visible } from '../../text/visible.ts';

interface KeyOptions extends CommonOptions {
  readonly key?: readonly string[];
  readonly passphraseFile?: string;
}

export interface TrustProposeOptions extends KeyOptions {
  readonly output: string;
}

export interface TrustSignOptions extends KeyOptions {
  readonly key: readonly string[];
  readonly yes?: boolean;
}

/** `trust propose FOLDER -o FILE --key KEY` */
export const trustPropose: Action<TrustProposeOptions> = async (session, [folder = ''], options) => {
  const { context } = session;
  const report = await proposeUpdate({
    ...{ folder, output: options.output, now: context.now },
    createdAt: timeToWrite(context),
    signers: await openKeys(session, options),
  });
  return { report, text: '', summary: [`Wrote ${report.file}.`, ...standingLines(report)].join('\n') };
};

/** `trust sign FILE --key KEY` */
export const trustSign: Action<TrustSignOptions> = async (session, [file = ''], options) => {
  const { context } = session;
  const { update, report: before } = await readProposal(file, context.now);
  if (options.yes !== true && isInteractive(context)) {
    session.pause();
    const { allowed, policy, revoked, version, sha256 } = update;
    const lines = [
      `${file}: version ${version} of the trusted files, sha256 ${sha256}`,
      ...allowed.signers.map((signer) => `  ${keyWords(reportKey(signer))}`),
      `  revoked keys: ${revoked.lines.size}; signers wanted: ${policy.threshold}`,
      `  policy: ${visible(JSON.stringify(update.document.policy))}`,
    ];
    context.stderr.write(`${lines.join('\n')}\n`);
    if (!(await confirm(context, 'Sign it?'))) {
      return { report: before, text: '', summary: 'Nothing was signed.' };
    }
  }
  const report = await signUpdate({ file, now: context.now, signers: await openKeys(session, options) });
  return { report, text: '', summary: standingLines(report).join('\n') };
};

async function openKeys(session: Session, { key = [], passphraseFile }: KeyOptions): Promise<Signer[]> {
  const signers: Signer[] = [];
  for (const file of key) signers.push(await signingKey(session, file, passphraseFile));
  return signers;
}

function standingLines({ file, version, signatures, principals, threshold }: TrustProposalReport): string[] {
  const isEnough = principals.length >= threshold;
  return [
    ...signatures.map(({ file: name, signer }) =>
      signer === undefined
        ? `${name}: by a key that may not update trust by the new files (right for one that they replace).`
        : `${name}: ${visible(signer.principal)} (${signer.fingerprint})`,
    ),
    `Version ${version} wants ${threshold} of its own signers and has ${principals.length}.` +
      (isEnough ? '' : ` Let others sign: packferry trust sign ${file} --key KEY`),
    ...(isEnough ? ['Sites also want as many of the signers that they trust today.'] : []),
  ];
}
