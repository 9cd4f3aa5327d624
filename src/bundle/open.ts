import { asPackferryError, PackferryError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import type { BundleDocument } from '../schema/bundle.ts';
import type { VerifiedSigner } from '../trust/verify.ts';
import { hashBundleFile } from './carried-packs.ts';
import { checkArchiveFile } from './check-archive.ts';
import { checkImages } from './check-images.ts';
import { checkStream } from './check-stream.ts';
import { describedFiles } from './document.ts';
import { listFolder, type FolderListing } from './folder.ts';
import { bundleFiles, looksLikeArchive, packFolder } from './names.ts';
import { readDocument, type ReadDocument } from './read-document.ts';
import { checkSignatures, damaged, readSigned, type SignatureOptions } from './signed-list.ts';
import type { Sums } from './sums.ts';

/**
 * A bundle of which every byte has been checked against a trusted signature. Only `openBundle` makes one, and only
 * this type is accepted where images are delivered.
 */
class VerifiedBundleFolder {
  readonly #read: ReadDocument;
  readonly dir: string;
  readonly signers: readonly VerifiedSigner[];
  /** sha256 in hex of SHA256SUMS: the identity of the bundle. */
  readonly sumsSha256: string;
  /** Leftovers of operating systems that were passed over. */
  readonly litter: readonly string[];

  constructor(
    dir: string,
    read: ReadDocument,
    signers: readonly VerifiedSigner[],
    sumsSha256: string,
    litter: readonly string[],
  ) {
    this.dir = dir;
    this.#read = read;
    this.signers = signers;
    this.sumsSha256 = sumsSha256;
    this.litter = litter;
  }

  get document(): BundleDocument {
    return this.#read.document;
  }

  get volumes(): ReadDocument['volumes'] {
    return this.#read.volumes;
  }
}

export type VerifiedBundle = VerifiedBundleFolder;

export interface OpenBundleOptions extends SignatureOptions {
  /** The name of this site; without one, only bundles for every site are accepted. */
  readonly site?: string | undefined;
  readonly signal?: AbortSignal;
}

/**
 * Verifies a bundle in full: the folder's listing, the signature over SHA256SUMS, every file against that list, and
 * every archive, byte for byte, against the plan that follows from bundle.json. Nothing is opened before the
 * signature is good, except the list and the signature themselves. All damage is reported at once.
 */
export async function openBundle(dir: string, options: OpenBundleOptions): Promise<VerifiedBundle> {
  const listing = await listFolder(dir);
  const { sums, signers, sumsSha256 } = await checkSignatures(dir, listing, options);
  checkListing(dir, listing, sums);

  const read = await readSigned(dir, bundleFiles.document, limits.bundleJson, sums).then(readDocument);
  checkStream(read.document, options.policy);
  checkAudience(read.document, options.site);
  checkFresh(read.document, options.now);
  checkAgreement(read, sums);
  await checkFiles(dir, read, sums, options);
  for (const name of listing.litter) {
    options.emit({
      type: 'note',
      level: 'warning',
      message: `passed over ${name}: it does not belong to the bundle`,
    });
  }
  return new VerifiedBundleFolder(dir, read, signers, sumsSha256, listing.litter);
}

/** What a bundle says of itself, after its signature was found good; its files have not been checked. */
export interface SignedDocument {
  readonly document: BundleDocument;
  readonly signers: readonly VerifiedSigner[];
}

/**
 * Checks the signature over SHA256SUMS and bundle.json against that list, and nothing else: enough to believe what the
 * bundle says of itself, not to deliver it. Returns the very document that was checked, and the signers.
 */
export async function checkSignature(dir: string, options: SignatureOptions): Promise<SignedDocument> {
  const { sums, signers } = await checkSignatures(dir, await listFolder(dir), options);
  const bytes = await readSigned(dir, bundleFiles.document, limits.bundleJson, sums);
  return { document: readDocument(bytes).document, signers };
}

/** The folder holds what is on the list, no more and no less. */
function checkListing(dir: string, listing: FolderListing, sums: Sums): void {
  const errors: PackferryError[] = [];
  for (const name of sums.keys()) {
    if (!listing.files.has(name))
      errors.push(new PackferryError('E_BUNDLE_INCOMPLETE', `${name} is missing`));
  }
  for (const name of listing.files) {
    if (!sums.has(name) && name !== bundleFiles.sums && !listing.signatures.includes(name)) {
      errors.push(new PackferryError('E_BUNDLE_EXTRA_FILE', `${name} is not on the signed list`));
    }
  }
  throwAll(
    errors,
    `${dir} does not hold what was signed`,
    'Copy the whole bundle again, into an empty folder.',
  );
}

/** Throws `E_BUNDLE_EXPIRED`. */
export function checkFresh(document: BundleDocument, now: Date): void {
  if (document.expiresAt === undefined || now.getTime() <= Date.parse(document.expiresAt)) return;
  const message = `the bundle ${document.name} ${document.sequence} expired at ${document.expiresAt}`;
  throw new PackferryError('E_BUNDLE_EXPIRED', message, {
    hint: 'Ask for a newer bundle, and check the clock of this machine.',
  });
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
  throwAll(errors, 'the bundle contradicts itself');
}

/** Reads everything once: small files by their sums, archives against their plans. */
async function checkFiles(
  dir: string,
  read: ReadDocument,
  sums: Sums,
  options: OpenBundleOptions,
): Promise<void> {
  const errors: PackferryError[] = [];
  const { emit } = options;
  const archives = new Set(read.volumes.map(({ file }) => file));
  for (const [name, sha256] of sums) {
    options.signal?.throwIfAborted();
    if (archives.has(name)) continue;
    const fault = await checkSum(dir, name, sha256, options.signal);
    if (fault !== undefined) errors.push(fault);
  }
  const bytes = read.volumes.reduce((sum, { plan }) => sum + plan.size, 0);
  emit({ type: 'planned', task: 'verify', items: read.volumes.length, bytes });
  for (const volume of read.volumes) {
    options.signal?.throwIfAborted();
    const found = await checkArchiveFile(dir, volume, sums.get(volume.file) ?? '', options);
    errors.push(...found);
  }
  if (errors.length === 0) errors.push(...(await checkImages(dir, read.document, read.volumes)));
  emit({ type: 'finished', task: 'verify' });
  throwAll(errors, 'the bundle is damaged', 'Copy the damaged files again from where the bundle was made.');
}

/** What is wrong with a file that is no archive; one that cannot be read does not hide the damage of others. */
async function checkSum(
  dir: string,
  name: string,
  sha256: string,
  signal: AbortSignal | undefined,
): Promise<PackferryError | undefined> {
  try {
    const got = await hashBundleFile(dir, name, signal);
    return got === sha256 ? undefined : damaged(name, sha256, got);
  } catch (fault) {
    signal?.throwIfAborted();
    return asPackferryError(fault);
  }
}

function throwAll(errors: readonly PackferryError[], header: string, hint?: string): void {
  const [first] = errors;
  if (first === undefined) return;
  throw new PackferryError(
    first.code,
    errors.length === 1 ? first.message : `${header}: ${errors.length} faults`,
    {
      ...((first.hint ?? hint) === undefined ? {} : { hint: first.hint ?? hint ?? '' }),
      ...(errors.length === 1 ? {} : { errors }),
    },
  );
}
