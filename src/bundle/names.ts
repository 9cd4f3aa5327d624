/** Names of the files of a bundle: the format is in docs/format.md. */
export const bundleFiles = {
  sums: 'SHA256SUMS',
  signature: 'SHA256SUMS.sig',
  document: 'bundle.json',
  readme: 'README.txt',
  loader: 'load.sh',
  /** Packferry itself, for sites that have no Node. Only where it is asked for. */
  importer: 'packferry-linux-x64',
  /** Only while an export is under way: what is finished, so that a rerun goes on. */
  journal: 'export.journal',
  /** Only while an export is running: who writes into the folder. */
  lock: 'export.lock',
} as const;

/**
 * Only while an export is under way whose content has changed since an earlier run: numbered folders with what that run
 * had fetched, each with its journal.
 */
export const unfinishedFolder = 'export.unfinished';

/** The one subfolder of a bundle: the content packs that it carries. */
export const packFolder = 'packs';

/** The path of a carried pack inside a bundle. */
export function packPath(file: string): string {
  return `${packFolder}/${file}`;
}

/** `images-001.tar`, `images-002.tar`, ... */
export function archiveName(index: number): string {
  return `images-${String(index + 1).padStart(3, '0')}.tar`;
}

/** What `load.sh` takes for an archive. */
export function looksLikeArchive(name: string): boolean {
  return /^images-[0-9]*\.tar$/.test(name);
}

/** The name of a file that is still being written. */
export function partName(file: string): string {
  return `${file}.part`;
}

/** The name of the signature of a signer, counted from 0. */
export function signatureName(index: number): string {
  return index === 0 ? bundleFiles.signature : `${bundleFiles.sums}.${index + 1}.sig`;
}

/** `SHA256SUMS.sig` of the first signer, `SHA256SUMS.2.sig`, ... of further ones. */
export function isSignatureName(name: string): boolean {
  return /^SHA256SUMS(\.([2-9]|[1-9][0-9]{1,2}))?\.sig$/.test(name);
}

/** What operating systems leave on removable media, in lower case. It is reported and never opened. */
const litter: ReadonlySet<string> = new Set([
  // macOS
  '.ds_store',
  '.apdisk',
  '.documentrevisions-v100',
  '.fseventsd',
  '.spotlight-v100',
  '.temporaryitems',
  '.trashes',
  '.volumeicon.icns',
  '.metadata_never_index',
  // Windows
  '$recycle.bin',
  'desktop.ini',
  'recycler',
  'system volume information',
  'thumbs.db',
  'ehthumbs.db',
  // Linux
  '.directory',
  'lost+found',
]);

/**
 * Is this a leftover of an operating system? AppleDouble files (`._name`), waste-paper baskets and what `chkdsk` found are.
 * Windows does not care for the case of names, and so it is with these.
 */
export function isLitter(name: string): boolean {
  return (
    litter.has(name.toLowerCase()) ||
    name.startsWith('._') ||
    /^\.Trash(-[0-9]+)?$/.test(name) ||
    /^found\.[0-9]{3}$/i.test(name)
  );
}
