import type { FileResult } from '../core/damage.ts';
import { asPackferryError, PackferryError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import type { BundleDocument } from '../schema/bundle.ts';
import type { FreshnessVerdict } from '../trust/freshness.ts';
import type { VerifiedSigner } from '../trust/verify.ts';
import { checkFiles, type FilesChecked, type OwnWord } from './check-files.ts';
import { refuseExtras } from './check-listing.ts';
import type { LayersChecked } from './check-layers.ts';
import { checkStream } from './check-stream.ts';
import { checkWitness, type WitnessOptions } from './check-witness.ts';
import { describedFiles } from './document.ts';
import { throwAll } from './faults.ts';
import { listFolder, type FolderListing } from './folder.ts';
import { checkFreshness, type FreshnessOptions } from './freshness.ts';
import { bundleFiles, looksLikeArchive, packFolder } from './names.ts';
import { readDocument, type ReadDocument } from './read-document.ts';
import { checkSignatures, readSigned, type SignatureOptions, type SignedList } from './signed-list.ts';
import { SignedBundle, type JudgedHead } from './signed-bundle.ts';
import type { Sums } from './sums.ts';

/**
 * A bundle of which every byte has been checked against a trusted signature. Only `openBundle` makes one, and only
 * this type is accepted where images are delivered; an import in one pass has a type of its own, `PassingBundle`.
 */
class VerifiedBundleFolder extends SignedBundle {
  readonly #checked: FilesChecked;

  constructor(head: JudgedHead, checked: FilesChecked) {
    super(head);
    this.#checked = checked;
  }

  /** What was found of every file of the signed list, in its order: all of them are good. */
  get files(): readonly FileResult[] {
    return this.#checked.files;
  }

  /** What was found of the content of layers, where this was asked for. */
  get layersChecked(): LayersChecked | undefined {
    return this.#checked.layers;
  }
}

export type VerifiedBundle = VerifiedBundleFolder;

export interface OpenBundleOptions extends SignatureOptions, Pick<WitnessOptions, 'witness'> {
  /** The name of this site; without one, only bundles for every site are accepted. */
  readonly site?: string | undefined;
  /**
   * Decompress every layer too, and compare its content with what the image's config promises. Implied by a policy that
   * asks for it, and by a witness: what it knows of an image is the config.
   */
  readonly deep?: boolean;
  /** What this site remembers and asks; without, only that it has not expired, and a clock that can be right. */
  readonly freshness?: FreshnessOptions | undefined;
  /** Called once all has been judged but the bytes of the files: what the bundle says of itself is signed, and meant for here. */
  readonly onJudged?: (bundle: SignedBundle) => void;
  readonly signal?: AbortSignal;
}

/**
 * Verifies a bundle in full: the folder's listing, the signature over SHA256SUMS, every file against that list, and
 * every archive, byte for byte, against the plan that follows from bundle.json. Nothing is opened before the
 * signature is good, except the list and the signature themselves. Every file is read once. All damage is reported at
 * once, in words and in `details` of the error.
 */
export async function openBundle(dir: string, options: OpenBundleOptions): Promise<VerifiedBundle> {
  const head = await judgeHead(dir, options);
  options.onJudged?.(new SignedBundle(head));
  const checked = await checkFiles(head.listing, head.list, head, { ...options, deep: head.deep });
  refuseUnchecked(checked, options);
  return new VerifiedBundleFolder(head, checked);
}

/** What was judged before the files are read. */
export interface OpenedHead extends JudgedHead, OwnWord {}

/** All that can be judged of a bundle before its files are read. Throws what speaks against it. */
export async function judgeHead(dir: string, options: OpenBundleOptions): Promise<OpenedHead> {
  const listing = await listFolder(dir);
  const list = await checkSignatures(dir, listing, options);
  refuseExtras(listing, list.sums);
  const { read, own } = await readOwnWord(listing, list, options);
  options.observe?.({ kind: 'document', document: read.document });
  checkStream(read.document, options.policy);
  const freshness = await judgeStanding(read.document, list, options);
  const witnessed = await checkWitness(read.document, options);
  if (witnessed !== undefined) options.observe?.({ kind: 'witness', witnessed });
  checkAgreement(read, list.sums);
  for (const name of listing.litter) {
    options.emit({
      type: 'note',
      level: 'warning',
      message: `passed over ${name}: it does not belong to the bundle`,
    });
  }
  const deep = options.deep === true || options.policy?.requireDeep === true || witnessed !== undefined;
  return { listing, list, read, own, freshness, witnessed, deep };
}

/** Is it for this site, and is this its time? */
async function judgeStanding(
  document: BundleDocument,
  { sumsSha256 }: SignedList,
  { site, policy, freshness, now, emit }: OpenBundleOptions,
): Promise<FreshnessVerdict> {
  checkAudience(document, site);
  const rules = policy === undefined ? {} : { rules: policy };
  return checkFreshness({ document, sumsSha256, now }, { ...rules, ...freshness }, emit);
}

/** bundle.json. Where it is lost, the other files are checked by their sums alone, so that all damage is told at once. */
async function readOwnWord(
  listing: FolderListing,
  list: SignedList,
  options: OpenBundleOptions,
): Promise<OwnWord> {
  let bytes: Buffer;
  try {
    bytes = await readSigned(listing.dir, bundleFiles.document, limits.bundleJson, list.sums);
  } catch (fault) {
    const { code } = asPackferryError(fault);
    if (['E_DIGEST_MISMATCH', 'E_BUNDLE_INCOMPLETE', 'E_LIMIT_EXCEEDED'].includes(code))
      await checkFiles(listing, list, undefined, options);
    throw fault;
  }
  const { document: file } = bundleFiles;
  const sha256 = list.sums.get(file) ?? '';
  return { read: readDocument(bytes), own: { file, bytes: bytes.length, sha256, result: 'good' } };
}

/** What a bundle says of itself, after its signature was found good; its files have not been checked. */
export interface SignedDocument {
  readonly document: BundleDocument;
  readonly signers: readonly VerifiedSigner[];
  /** sha256 in hex of SHA256SUMS. */
  readonly sumsSha256: string;
  /** How each file was when the folder was listed, by name. */
  readonly seen: FolderListing['files'];
}

/**
 * Checks the signature over SHA256SUMS and bundle.json against that list, and nothing else: enough to believe what the
 * bundle says of itself, not to deliver it. Returns the very document that was checked, and the signers.
 */
export async function checkSignature(dir: string, options: SignatureOptions): Promise<SignedDocument> {
  const listing = await listFolder(dir);
  const { sums, signers, sumsSha256 } = await checkSignatures(dir, listing, options);
  const bytes = await readSigned(dir, bundleFiles.document, limits.bundleJson, sums);
  return { document: readDocument(bytes).document, signers, sumsSha256, seen: listing.files };
}

function checkAudience({ name, sequence, audience }: BundleDocument, site: string | undefined): void {
  if (audience === undefined || (site !== undefined && audience.includes(site))) return;
  const whom = `the bundle ${name} ${sequence} is for ${audience.join(', ')} only`;
  throw site === undefined
    ? new PackferryError('E_WRONG_SITE', `${whom}, and it is not known which site this is`, {
        hint: 'Say so with --site NAME, PACKFERRY_SITE, or one line in /etc/packferry/site.',
      })
    : new PackferryError('E_WRONG_SITE', `${whom}, and this site is ${site}`, {
        hint: 'Bring it there, or ask for a bundle whose audience names this site.',
      });
}

/** Where the policy wants all layers to be looked into, those that this Node cannot read are too many. */
export function refuseUnchecked(
  { layers }: Pick<FilesChecked, 'layers'>,
  { policy }: Pick<OpenBundleOptions, 'policy'>,
): void {
  const { length } = layers?.notChecked ?? [];
  if (length === 0 || policy?.requireDeep !== true) return;
  const message = `${policy.name ?? 'the policy'} asks to look into every layer, and ${length} are in zstd`;
  throw new PackferryError('E_NOT_CHECKED', message, { hint: 'Node 22.15 or later can read them.' });
}

/** bundle.json and the signed list agree on archives, packs and the importer. */
function checkAgreement({ document }: ReadDocument, sums: Sums): void {
  const described = new Map(describedFiles(document).map(({ file, sha256 }) => [file, sha256]));
  const carried = [...sums.keys()].filter(
    (name) => name.startsWith(`${packFolder}/`) || name === bundleFiles.importer || looksLikeArchive(name),
  );
  const errors = [...new Set([...described.keys(), ...carried])]
    .filter((file) => sums.get(file) !== described.get(file))
    .map((file) => {
      const message = `${bundleFiles.document} and ${bundleFiles.sums} differ on ${file}`;
      return new PackferryError('E_BUNDLE_MALFORMED', message);
    });
  throwAll(errors, { header: 'the bundle contradicts itself' });
}
