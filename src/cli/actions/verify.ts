import { asPackferryError, damageIn, PackferryError } from '../../core/errors.ts';
import { formatSize } from '../../core/size.ts';
import { openBundle } from '../../bundle/open.ts';
import { checkDamagePlace, writeDamage } from '../../flows/damage-file.ts';
import { verifyReportOf } from '../../flows/verify.ts';
import type { VerifyReport } from '../../schema/reports.ts';
import { judgementOf, type JudgementOptions } from '../bundle-judgement.ts';
import { tellUnknown } from '../freshness.ts';
import { withReceipt, type ReceiptOptions } from '../receipts.ts';
import type { Action, CommonOptions, Session } from '../session.ts';
import { termLines } from '../text/terms.ts';
import { count } from '../text/plural.ts';
import { carriedImporter } from '../text/importer.ts';
import { leftOutLines } from '../text/left-out.ts';
import { visible } from '../text/visible.ts';

export interface VerifyOptions extends CommonOptions, JudgementOptions, ReceiptOptions {
  readonly damage?: string;
}

/** `verify BUNDLE` */
export const verify: Action<VerifyOptions> = async (session, [dir = ''], options) => {
  // Before the bundle is read, and a receipt begun: a slip of the pen need not wait for it.
  if (options.damage !== undefined) await checkDamagePlace(options.damage, dir);
  return withReceipt(session, { action: 'verify', dir, options }, async (evidence) => {
    const judgement = await judgementOf(session, options, evidence);
    const bundle = await openBundle(dir, judgement).catch(async (fault: unknown) => {
      throw await writingDamage(session, asPackferryError(fault), options.damage);
    });
    tellUnknown(bundle, judgement.freshness, 'info', session.emit);
    const report = verifyReportOf(bundle);
    return { report, text: '', summary: summaryOf(report, options.damage) };
  });
};

/** Writes down what is lost, where this was asked for. Returns what is to be thrown. */
async function writingDamage(
  { context, emit, signal }: Session,
  error: PackferryError,
  file: string | undefined,
): Promise<PackferryError> {
  if (file === undefined || signal.aborted) return error;
  const damage = damageIn(error);
  if (damage === undefined) {
    const message = `${file} was not written: what is wrong with the bundle is not that something of it is lost`;
    emit({ type: 'note', level: 'warning', message });
    return error;
  }
  try {
    await writeDamage(file, damage, context);
  } catch (fault) {
    const unwritten = asPackferryError(fault);
    return new PackferryError(error.code, error.message, { errors: [error, unwritten], cause: fault });
  }
  const { code, message, errors, details } = error;
  const hint = `${file} says what is lost: carry it back to where the bundle was made, for "packferry export --repair".`;
  return new PackferryError(code, message, { hint, errors, details, cause: error });
}

function summaryOf(
  {
    dir,
    name,
    sequence,
    createdAt,
    audience,
    expiresAt,
    signers,
    archives,
    importers,
    images,
    leftOut,
    layers,
    witness,
  }: VerifyReport,
  damageFile: string | undefined,
): string {
  const size = formatSize(archives.reduce((sum, { bytes }) => sum + bytes, 0));
  const who = signers
    .map(({ principal, fingerprint }) => `${visible(principal)} (${fingerprint})`)
    .join(', ');
  return [
    `${dir} is good: ${name} ${sequence} of ${createdAt}, ${count(images, 'image')} in ${count(archives.length, 'archive')}, ${size}.`,
    `Signed by ${who}.`,
    ...leftOutLines(leftOut),
    ...layerLines(layers),
    ...(witness === undefined
      ? []
      : [`The witness agrees on ${count(witness.agrees, 'image')} of ${images}.`]),
    ...(damageFile === undefined ? [] : [`Nothing is lost: ${damageFile} was not written.`]),
    ...importers.map(carriedImporter),
    ...termLines({ audience, expiresAt }),
  ]
    .map(visible)
    .join('\n');
}

function layerLines(layers: VerifyReport['layers']): string[] {
  if (layers === undefined) return [];
  const { checked, leftOut } = layers;
  const lines = [`${count(checked, 'layer')} decompressed: their content is what the images promise.`];
  if (leftOut === undefined) return lines;
  return [...lines, `Not there to be looked into: ${count(leftOut, 'layer')}, left out of the bundle.`];
}
