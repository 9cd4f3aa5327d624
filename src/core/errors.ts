import type { BundleDamage, FileResult } from './damage.ts';

/**
 * Every error code, with the exit status that it leads to and a word on what it means. A code names a kind of fault, not a place; the message
 * names the image, file or volume, and the hint says what to do.
 */
const codes = {
  // 1: a fault of packferry or of the machine
  E_INTERNAL: [1, 'a fault of packferry itself'],
  E_IO: [1, 'the machine refused a read or a write'],
  E_DISK_FULL: [1, 'there is not enough space'],
  E_RECEIPT_UNWRITABLE: [1, 'the receipt of a run cannot be written'],
  // 2: usage, configuration or manifest invalid
  E_USAGE: [2, 'the command line is wrong'],
  E_ENDPOINT_INVALID: [2, 'an endpoint URL is wrong or not supported'],
  E_REFERENCE_INVALID: [2, 'no image reference'],
  E_DIGEST_INVALID: [2, 'no sha256 digest'],
  E_PLATFORM_INVALID: [2, 'no platform'],
  E_MANIFEST_UNREADABLE: [2, 'the export manifest cannot be read'],
  E_MANIFEST_INVALID: [2, 'the export manifest has mistakes'],
  E_PACK_NOT_FOUND: [2, 'no content pack there'],
  E_PACK_INVALID: [2, 'an item or file of a content pack has mistakes'],
  E_HOSTS_UNREADABLE: [2, 'the file of hosts cannot be read'],
  E_HOSTS_INVALID: [2, 'the file of hosts has mistakes'],
  E_LOCK_UNREADABLE: [2, 'the lock file cannot be read'],
  E_LOCK_INVALID: [2, 'the lock file is damaged or unknown'],
  E_LOCK_STALE: [2, 'the lock file does not fit the manifest'],
  E_OUTPUT_EXISTS: [2, 'the output is there already; nothing is overwritten'],
  E_OUTPUT_UNWRITABLE: [2, 'the output cannot be written'],
  E_IMAGE_TOO_LARGE: [2, 'an image does not fit into a volume'],
  E_IMAGE_NOT_IN_BUNDLE: [2, 'the bundle does not hold this image'],
  E_IMPORTER_UNUSABLE: [2, 'the self-contained importer is missing, or the file is none'],
  E_KEY_UNREADABLE: [2, 'the key file cannot be read'],
  E_KEY_UNSUPPORTED: [2, 'this kind of key cannot sign'],
  E_KEY_UNAVAILABLE: [2, 'an agent or ssh-keygen does not sign with this key'],
  E_KEY_PASSPHRASE: [2, 'the passphrase of a key is missing or wrong'],
  E_KEY_NOT_VALID: [2, 'no site would accept a signature by this key now'],
  E_SIGNED_ALREADY: [2, 'this key, or its principal, has signed the bundle already'],
  E_CREDENTIALS: [2, 'stored accounts or certificates cannot be read, used or written'],
  E_SSH_CONFIG: [
    2,
    'ssh_config, known_hosts or a key of SSH cannot be read, or asks for what is not supported',
  ],
  E_BUILD_INVALID: [2, 'what an image is to be built from is wrong or cannot be read'],
  E_TRUST_UNREADABLE: [2, 'a file of trusted or revoked keys, or the policy, cannot be read'],
  E_TRUST_INVALID: [2, 'a file of trusted or revoked keys, or the policy, has mistakes'],
  E_TRUST_CONFLICT: [
    2,
    'the files of trusted or revoked keys say something else already, or change meanwhile',
  ],
  E_TRUST_UNSAFE: [2, 'others could change a file that decides on trust'],
  E_RECEIPT_NOT_FOUND: [2, 'there is no such receipt'],
  E_BASE_INVALID: [2, 'what an export is to build on cannot be read, or does not say enough'],
  // 3: some images failed
  E_PARTIAL: [3, 'some images failed, the others are done'],
  // 4: verification failed
  E_BUNDLE_NOT_FOUND: [4, 'no bundle there'],
  E_BUNDLE_INCOMPLETE: [4, 'files of the bundle are missing'],
  E_BUNDLE_MALFORMED: [4, 'the bundle contradicts its format or itself'],
  E_BUNDLE_NEWER: [4, 'the bundle needs a newer packferry'],
  E_BUNDLE_EXTRA_FILE: [4, 'the folder holds what was not signed'],
  E_BUNDLE_EXPIRED: [4, 'the bundle has expired'],
  E_BUNDLE_STALE: [4, 'the bundle is older than this site takes, or does not say when it expires'],
  E_WRONG_SITE: [4, 'the bundle is for other sites'],
  E_ROLLBACK: [4, 'a newer bundle of the same stream was accepted before'],
  E_EQUIVOCATION: [4, 'two different bundles have the same number: builder broken, or key stolen'],
  E_SEQUENCE_JUMP: [4, 'the number of the bundle is too far ahead of the stream'],
  E_CLOCK: [4, 'the clock of this machine, or of the builder, cannot be right'],
  E_STATE_INVALID: [4, 'the history of what was accepted here is damaged, or contradicts its copy'],
  E_STATE_UNUSABLE: [4, 'the history of what was accepted here cannot be read or written'],
  E_SIGNATURE_INVALID: [4, 'the signature is broken or of something else'],
  E_SIGNER_UNTRUSTED: [4, 'the signature is good, its key is not trusted'],
  E_FINGERPRINT_MISMATCH: [4, 'a key has another fingerprint than the one that was typed or given'],
  E_UPDATE_INVALID: [4, 'a signed update of the trusted files is malformed'],
  E_UPDATE_VERSION: [4, 'a signed update is not the next one for the trusted files'],
  E_UPDATE_SIGNERS: [4, 'too few of those who may have signed an update of the trusted files'],
  E_THRESHOLD: [4, 'fewer principals have signed than the policy asks for'],
  E_WRONG_STREAM: [4, 'the policy does not take bundles of this name'],
  E_NOT_CHECKED: [4, 'the policy asks for a check that cannot be made here'],
  E_DIGEST_MISMATCH: [4, 'content differs from its digest'],
  E_SIZE_MISMATCH: [4, 'content differs from its size'],
  E_LIMIT_EXCEEDED: [4, 'something from outside is larger than allowed'],
  E_JSON_INVALID: [4, 'no acceptable JSON'],
  E_ARCHIVE_MALFORMED: [4, 'an image archive is damaged, or no archive that packferry accepts'],
  E_IMAGE_MALFORMED: [4, 'the documents of an image contradict each other'],
  E_RECEIPT_INVALID: [4, 'a receipt, or the chain of receipts, is not as it was written'],
  E_TAG_MOVED: [4, 'a tag stands for another image than when it was locked'],
  E_POLICY: [4, 'the image policy of the manifest forbids an image'],
  // 5: source unavailable
  E_SOURCE_UNREACHABLE: [5, 'a registry or another source is out of reach'],
  E_SOURCE_DENIED: [5, 'a registry or another source refuses access'],
  E_SOURCE_PROTOCOL: [5, 'a registry or another source answers something unexpected'],
  E_IMAGE_NOT_FOUND: [5, 'the source does not have the image'],
  E_IMAGE_INCOMPLETE: [5, 'the source has the image, but not all of its content'],
  E_PLATFORM_NOT_FOUND: [5, 'the source has the image for other platforms only'],
  E_RATE_LIMITED: [5, 'a registry asks to wait longer than packferry does'],
  E_LAYER_FOREIGN: [5, 'a layer is kept elsewhere and cannot be carried'],
  // 6: delivery failed
  E_SSH_UNREACHABLE: [6, 'an SSH host is out of reach, or the connection broke'],
  E_SSH_AUTH: [6, 'an SSH host does not let this user in'],
  E_HOST_KEY_UNKNOWN: [6, 'the key of an SSH host is in no known_hosts file'],
  E_HOST_KEY_CHANGED: [6, 'an SSH host shows another key than the known one: somebody may pose as it'],
  E_HOST_KEY_REVOKED: [6, 'an SSH host shows a key that is revoked'],
  E_ENGINE_UNREACHABLE: [6, 'the engine is out of reach'],
  E_ENGINE_DENIED: [6, 'the engine refuses access'],
  E_ENGINE_PROTOCOL: [6, 'the engine answers something unexpected'],
  E_ENGINE_TOO_OLD: [6, 'the engine is too old for an image'],
  E_BASE_MISSING: [6, 'the target lacks layers that the bundle leaves out'],
  E_TARGET_FULL: [6, 'the disk of the engine has not enough space'],
  E_LOAD_FAILED: [6, 'the engine could not load the image'],
  E_BUILD_FAILED: [6, 'the engine could not build the image'],
  E_NOT_CONFIRMED: [6, 'the target does not hold exactly this image afterwards'],
  E_SMOKE_FAILED: [6, 'the image is there, but does not start'],
  E_TAG_CONFLICT: [6, 'the name stands for another image there'],
  E_TARGET_UNWRITABLE: [6, 'the target cannot be written'],
  E_TARGET_UNREACHABLE: [6, 'a registry that images are brought to is out of reach'],
  E_TARGET_DENIED: [6, 'a registry that images are brought to refuses access'],
  E_TARGET_PROTOCOL: [6, 'a registry that images are brought to answers something unexpected'],
  // signals
  E_INTERRUPTED: [130, 'stopped by Ctrl-C'],
  E_TERMINATED: [143, 'stopped by a signal'],
} as const;

export type ErrorCode = keyof typeof codes;

/** Exit statuses, as `docs/cli.md` lists them. */
export type ExitStatus = 0 | (typeof codes)[ErrorCode][0];

export interface ErrorExtras {
  /** What the reader should do now: a command or an action. */
  readonly hint?: string;
  readonly cause?: unknown;
  /** The faults that this one sums up, for instance one per image. Complete, in the order of the images. */
  readonly errors?: readonly PackferryError[];
  readonly details?: ErrorDetails;
}

/** What is known of a fault beyond words. */
export interface ErrorDetails {
  /** What is lost of a bundle. */
  readonly damage?: BundleDamage;
  /** What was found of every file of a bundle. */
  readonly files?: readonly FileResult[];
  /** The connection to a source on another machine broke: the same may succeed when it is begun anew. */
  readonly sourceBroke?: true;
}

/** The one error class. `message` says what happened and names its object; `hint` says what to do. */
export class PackferryError extends Error {
  override readonly name = 'PackferryError';
  readonly code: ErrorCode;
  readonly hint: string | undefined;
  readonly errors: readonly PackferryError[];
  readonly details: ErrorDetails;

  constructor(code: ErrorCode, message: string, extras: ErrorExtras = {}) {
    super(message, extras.cause === undefined ? undefined : { cause: extras.cause });
    this.code = code;
    this.hint = extras.hint;
    this.errors = extras.errors ?? [];
    this.details = extras.details ?? {};
  }

  /** The same fault in other words, for instance with the place that asked for what failed. */
  with(message: string): PackferryError {
    const hint = this.hint === undefined ? {} : { hint: this.hint };
    const { errors, details } = this;
    return new PackferryError(this.code, message, { ...hint, cause: this, errors, details });
  }
}

/** What is lost of the bundle that an error is about, where that is known. */
export function damageIn({ details, errors }: PackferryError): BundleDamage | undefined {
  if (details.damage !== undefined) return details.damage;
  return errors.map(damageIn).find((damage) => damage !== undefined);
}

/** Every code, for the generated documentation. */
export const errorCodes: readonly ErrorCode[] = Object.keys(codes) as ErrorCode[];

/** The exit status that belongs to a code. */
export function statusOfCode(code: ErrorCode): ExitStatus {
  return codes[code][0];
}

/** What a code means, in a few words. */
export function meaningOfCode(code: ErrorCode): string {
  return codes[code][1];
}

/** The text of whatever was thrown. */
export function messageOf(fault: unknown): string {
  if (fault instanceof Error) return fault.message === '' ? fault.name : fault.message;
  return String(fault);
}

/** The `code` of a system error (`ENOENT`, `EACCES`, ...), or undefined. */
export function systemCodeOf(fault: unknown): string | undefined {
  if (!(fault instanceof Error) || !('code' in fault)) return undefined;
  return typeof fault.code === 'string' ? fault.code : undefined;
}

/** What can be done about faults of the system that have no words of their own. */
const adviceOn: Readonly<Record<string, string>> = {
  EACCES: 'Run it as a user who may read and write there, or name another place.',
  EPERM: 'Run it as a user who may do that, or name another place.',
  EROFS: 'Name a place on a disk that can be written.',
  EIO: 'The disk or the drive fails: try another port, drive or copy.',
  EMFILE: 'Raise the number of files that a process may open: ulimit -n 4096.',
  ENOMEM: 'The machine is out of memory: end other programs, or give a smaller --jobs.',
};

/** Gives whatever was thrown the shape of a PackferryError; an unknown fault becomes `E_INTERNAL`. */
export function asPackferryError(fault: unknown): PackferryError {
  if (fault instanceof PackferryError) return fault;
  const code = systemCodeOf(fault);
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return new PackferryError('E_DISK_FULL', `the disk is full: ${messageOf(fault)}`, {
      hint: 'Free some space and run the same command again: what was finished is kept.',
      cause: fault,
    });
  }
  if (code !== undefined && /^E[A-Z]+$/.test(code)) {
    const hint = adviceOn[code];
    const advice = hint === undefined ? {} : { hint };
    return new PackferryError('E_IO', messageOf(fault), { ...advice, cause: fault });
  }
  return new PackferryError('E_INTERNAL', messageOf(fault), {
    hint: 'This is a fault in packferry. Run again with --debug and report what it prints.',
    cause: fault,
  });
}

/**
 * The exit status of a run that met these faults: a failed verification always wins, wherever it stands; otherwise
 * the first fault decides.
 */
export function statusOfErrors(errors: readonly PackferryError[]): ExitStatus {
  if (errors.some(isVerificationFailure)) return 4;
  const [first] = errors;
  return first === undefined ? 0 : statusOfCode(first.code);
}

function isVerificationFailure(error: PackferryError): boolean {
  return statusOfCode(error.code) === 4 || error.errors.some(isVerificationFailure);
}
