import path from 'node:path';
import { asPackferryError, PackferryError, statusOfErrors } from '../core/errors.ts';
import { Evidence } from '../flows/receipt/evidence.ts';
import { prepareReceiptFolder, receiptFolder } from '../flows/receipt/folder.ts';
import { writeReceipt, type ReceiptContent } from '../flows/receipt/write.ts';
import { reportFailure } from '../flows/report.ts';
import type { Receipt } from '../schema/receipt.ts';
import type { WrittenReceipt } from '../schema/reports.ts';
import type { Signer } from '../trust/signer.ts';
import { firstOf, placesOf } from './configured.ts';
import { signingKey } from './keys.ts';
import { mediaOf } from './media.ts';
import { programHash } from './program-hash.ts';
import type { Outcome, Session } from './session.ts';
import { stateFolderOf } from './state-folder.ts';
import { visible } from './text/visible.ts';

/** Options of commands that leave receipts. */
export interface ReceiptOptions {
  readonly state?: string;
  readonly siteKey?: string;
  readonly passphraseFile?: string;
  /** The option that names it. Default: `--passphrase-file`. */
  readonly passphraseOption?: string;
}

/** What such a command does, with its report as an object to which the receipt is added. */
export type Witnessed = (evidence: Evidence) => Promise<Outcome & { readonly report: object }>;

interface Store {
  readonly dir: string;
  readonly signer: Signer | undefined;
}

interface Run {
  readonly action: Receipt['action'];
  readonly options: ReceiptOptions;
}

interface Left {
  readonly written?: WrittenReceipt;
  readonly errors: readonly PackferryError[];
}

/** The folder of receipts; undefined for users without a home. */
export function receiptFolderOf(
  { context }: Pick<Session, 'context'>,
  { state }: Pick<ReceiptOptions, 'state'>,
): string | undefined {
  const folder = stateFolderOf(context, state);
  return folder === undefined ? undefined : path.join(folder, receiptFolder);
}

/**
 * Runs what leaves one receipt, of one bundle or of images that nobody has signed, however it ends. What fails afterwards is an error
 * like any other; see `withReceipts`.
 */
export function withReceipt(
  session: Session,
  { dir, ...run }: Run & { readonly dir?: string },
  witnessed: Witnessed,
): Promise<Outcome> {
  return withReceipts(session, run, async (receipts) => witnessed(await receipts.begin(dir)));
}

/**
 * Runs what brings images to targets or judges bundles: each bundle leaves a receipt, and so does what comes from elsewhere, however the run ends. A run that could not leave one is
 * refused before it begins (`E_RECEIPT_UNWRITABLE`); a verification changes nothing, so there that is only told. The key
 * that is to sign is opened before, too.
 */
export async function withReceipts(
  session: Session,
  run: Run,
  use: (receipts: Receipts) => Promise<Outcome & { readonly report: object }>,
): Promise<Outcome> {
  const receipts = new Receipts(session, run);
  let outcome: Outcome & { readonly report: object };
  try {
    outcome = await use(receipts);
  } catch (fault) {
    const { signal, emit } = session;
    const { written, errors } = await receipts.leave([
      asPackferryError(signal.aborted ? signal.reason : fault),
    ]);
    for (const one of written) emit({ type: 'note', level: 'info', message: wordsFor(one) });
    for (const { message } of errors) emit({ type: 'note', level: 'warning', message });
    throw fault;
  }
  const { report, summary, errors = [] } = outcome;
  const left = await receipts.leave(errors);
  return {
    ...outcome,
    report: { ...report, ...told(run, left.written) },
    summary: [summary ?? [], left.written.map(wordsFor)].flat(2).join('\n'),
    errors: [...errors, ...left.errors],
  };
}

/** The receipts as the report has them. */
function told({ action }: Run, written: readonly WrittenReceipt[]): object {
  const [receipt] = written;
  if (receipt === undefined) return {};
  return action === 'copy' || action === 'serve' ? { receipts: written } : { receipt };
}

/** The receipts of one run, one for each bundle. */
export class Receipts {
  readonly #start = performance.now();
  readonly #session: Session;
  readonly #run: Run;
  /** The bundles of which no receipt was left yet. */
  #begun: { readonly dir: string | undefined; readonly evidence: Evidence }[] = [];
  #store: Promise<Store | undefined> | undefined;

  constructor(session: Session, run: Run) {
    this.#session = session;
    this.#run = run;
  }

  /**
   * Before a bundle is looked at: what takes down what is found of it. Without a folder, of images that come from elsewhere.
   */
  async begin(dir?: string): Promise<Evidence> {
    await (this.#store ??= openStore(this.#session, this.#run));
    const evidence = new Evidence();
    this.#begun.push({ dir, evidence });
    return evidence;
  }

  /**
   * Writes the receipts of what was begun, and tells what did not go well. Each is written once. A command line that was refused
   * (`E_USAGE`) leaves none of what was not looked at: there is nothing that it could witness. Nor is there where all images came
   * from bundles and others could have come from elsewhere.
   */
  async leave(
    errors: readonly PackferryError[],
  ): Promise<{ readonly written: readonly WrittenReceipt[]; readonly errors: readonly PackferryError[] }> {
    const isRefused = errors.some(({ code }) => code === 'E_USAGE');
    const isAlone = this.#begun.length === 1;
    const begun = this.#begun.filter(
      ({ dir, evidence }) => evidence.hasSeen || (!isRefused && (dir !== undefined || isAlone)),
    );
    this.#begun = [];
    const store = await this.#store?.catch(() => undefined);
    const left: Left[] = [];
    for (const { dir, evidence } of store === undefined ? [] : begun) {
      const facts = await contentOf(this.#session, { ...this.#run, dir }, evidence, errors);
      const durationMs = Math.round(performance.now() - this.#start);
      const content = { ...facts, endedAt: new Date().toISOString(), durationMs };
      if (store !== undefined) left.push(await leaveReceipt(store, content));
    }
    return {
      written: left.flatMap(({ written }) => written ?? []),
      errors: left.flatMap((one) => one.errors),
    };
  }
}

/** A receipt that cannot be signed is still better than none. */
async function leaveReceipt({ dir, signer }: Store, content: ReceiptContent): Promise<Left> {
  try {
    return { written: await writeReceipt(dir, content, signer), errors: [] };
  } catch (fault) {
    const error = unwritable('the run has ended, its receipt could not be written', fault);
    if (signer === undefined || asPackferryError(fault).code === error.code) return { errors: [error] };
    const unsigned = await leaveReceipt({ dir, signer: undefined }, content);
    const why = unwritable('the receipt could not be signed', fault);
    return { ...unsigned, errors: [why, ...unsigned.errors] };
  }
}

function unwritable(what: string, cause: unknown): PackferryError {
  const { message, hint } = asPackferryError(cause);
  const advice = hint === undefined ? {} : { hint };
  return new PackferryError('E_RECEIPT_UNWRITABLE', `${what}: ${message}`, { ...advice, cause });
}

/** One line on a receipt that was written. */
export function wordsFor({ number, file, code, signed }: WrittenReceipt): string {
  return visible(`Receipt ${number} written: ${file}, code ${code}${signed ? '' : ' (not signed)'}.`);
}

async function openStore(session: Session, { action, options }: Run): Promise<Store | undefined> {
  const dir = receiptFolderOf(session, options);
  try {
    if (dir === undefined) {
      throw new PackferryError('E_RECEIPT_UNWRITABLE', 'this user has no folder for receipts', {
        hint: 'Name a state folder: --state DIR, or the variable PACKFERRY_STATE.',
      });
    }
    await prepareReceiptFolder(dir);
  } catch (fault) {
    if (action !== 'verify') throw fault;
    const { message, hint = '' } = asPackferryError(fault);
    session.emit({ type: 'note', level: 'warning', message: `no receipt is written: ${message}. ${hint}` });
    return undefined;
  }
  return { dir, signer: await siteSigner(session, options) };
}

/** What signs receipts: the key that was named, else the machine's, else the user's; undefined without one. */
async function siteSigner(
  session: Session,
  { siteKey, passphraseFile, passphraseOption }: ReceiptOptions,
): Promise<Signer | undefined> {
  const hint = 'Make it readable for whoever imports, or name the key that signs receipts: --site-key FILE.';
  const file = siteKey ?? (await firstOf(placesOf('site_key', session.context), 'E_KEY_UNREADABLE', hint));
  if (file === undefined) return undefined;
  // A run that was interrupted still signs its receipt.
  const { signal } = new AbortController();
  return signingKey({ ...session, signal }, file, passphraseFile, {
    key: '--site-key',
    ...(passphraseOption === undefined ? {} : { passphrase: passphraseOption }),
  });
}

async function contentOf(
  { context, signal }: Session,
  { action, dir }: Run & { readonly dir: string | undefined },
  evidence: Evidence,
  errors: readonly PackferryError[],
): Promise<Omit<ReceiptContent, 'endedAt' | 'durationMs'>> {
  const { machine, tool, now, uid, env } = context;
  const { bundle, site, ...findings } = evidence.findings;
  const [program, media] = await Promise.all([
    programHash(machine.program),
    dir === undefined ? undefined : mediaOf(dir),
  ]);
  const sudoUser = env['SUDO_USER'] ?? '';
  return {
    action,
    clock: now.toISOString(),
    tool: { ...tool, node: machine.node, ...(program === undefined ? {} : { program }) },
    host: machine.host,
    operator: {
      name: machine.user,
      ...(uid === undefined ? {} : { uid }),
      ...(sudoUser === '' ? {} : { sudoUser }),
    },
    ...(site === undefined ? {} : { site }),
    ...(dir === undefined
      ? {}
      : { bundle: { dir: path.resolve(dir), ...bundle, ...(media === undefined ? {} : { media }) } }),
    ...findings,
    outcome: {
      result: resultOf(evidence, errors, signal),
      status: statusOfErrors(errors),
      errors: errors.map(reportFailure),
    },
  };
}

function resultOf(
  { isDeclined }: Evidence,
  errors: readonly PackferryError[],
  { aborted }: AbortSignal,
): Receipt['outcome']['result'] {
  if (aborted) return 'interrupted';
  if (errors.length > 0) return 'failed';
  return isDeclined ? 'declined' : 'done';
}
