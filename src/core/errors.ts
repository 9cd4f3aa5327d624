/**
 * Every error code, with the exit status that it leads to. A code names a kind of fault, not a place; the message
 * names the image, file or volume, and the hint says what to do.
 */
const statusOf = {
  // 1: a fault of packferry or of the machine
  E_INTERNAL: 1,
  E_IO: 1,
  E_DISK_FULL: 1,
  // 2: usage, configuration or manifest invalid
  E_USAGE: 2,
  E_ENDPOINT_INVALID: 2,
  E_REFERENCE_INVALID: 2,
  E_DIGEST_INVALID: 2,
  E_PLATFORM_INVALID: 2,
  E_MANIFEST_UNREADABLE: 2,
  E_MANIFEST_INVALID: 2,
  E_PACK_NOT_FOUND: 2,
  E_PACK_INVALID: 2,
  E_LOCK_UNREADABLE: 2,
  E_LOCK_INVALID: 2,
  E_LOCK_STALE: 2,
  E_OUTPUT_EXISTS: 2,
  E_OUTPUT_UNWRITABLE: 2,
  E_IMAGE_TOO_LARGE: 2,
  E_IMAGE_NOT_IN_BUNDLE: 2,
  E_KEY_UNREADABLE: 2,
  E_KEY_UNSUPPORTED: 2,
  E_KEY_PASSPHRASE: 2,
  E_TRUST_UNREADABLE: 2,
  E_TRUST_INVALID: 2,
  // 3: some images failed
  E_PARTIAL: 3,
  // 4: verification failed
  E_BUNDLE_NOT_FOUND: 4,
  E_BUNDLE_INCOMPLETE: 4,
  E_BUNDLE_MALFORMED: 4,
  E_BUNDLE_NEWER: 4,
  E_BUNDLE_EXTRA_FILE: 4,
  E_BUNDLE_EXPIRED: 4,
  E_SIGNATURE_INVALID: 4,
  E_SIGNER_UNTRUSTED: 4,
  E_DIGEST_MISMATCH: 4,
  E_SIZE_MISMATCH: 4,
  E_LIMIT_EXCEEDED: 4,
  E_JSON_INVALID: 4,
  E_IMAGE_MALFORMED: 4,
  // 5: source unavailable
  E_SOURCE_UNREACHABLE: 5,
  E_SOURCE_DENIED: 5,
  E_SOURCE_PROTOCOL: 5,
  E_IMAGE_NOT_FOUND: 5,
  E_PLATFORM_NOT_FOUND: 5,
  E_RATE_LIMITED: 5,
  E_LAYER_FOREIGN: 5,
  // 6: delivery failed
  E_ENGINE_UNREACHABLE: 6,
  E_ENGINE_DENIED: 6,
  E_ENGINE_PROTOCOL: 6,
  E_LOAD_FAILED: 6,
  E_NOT_CONFIRMED: 6,
  E_TAG_CONFLICT: 6,
  E_TARGET_UNWRITABLE: 6,
  // signals
  E_INTERRUPTED: 130,
  E_TERMINATED: 143,
} as const;

export type ErrorCode = keyof typeof statusOf;

/** Exit statuses, as `docs/cli.md` lists them. */
export type ExitStatus = 0 | (typeof statusOf)[ErrorCode];

export interface ErrorExtras {
  /** What the reader should do now: a command or an action. */
  readonly hint?: string;
  readonly cause?: unknown;
  /** The faults that this one sums up, for instance one per image. Complete, in the order of the images. */
  readonly errors?: readonly PackferryError[];
}

/** The one error class. `message` says what happened and names its object; `hint` says what to do. */
export class PackferryError extends Error {
  override readonly name = 'PackferryError';
  readonly code: ErrorCode;
  readonly hint: string | undefined;
  readonly errors: readonly PackferryError[];

  constructor(code: ErrorCode, message: string, extras: ErrorExtras = {}) {
    super(message, extras.cause === undefined ? undefined : { cause: extras.cause });
    this.code = code;
    this.hint = extras.hint;
    this.errors = extras.errors ?? [];
  }

  /** The same fault in other words, for instance with the place that asked for what failed. */
  with(message: string): PackferryError {
    const hint = this.hint === undefined ? {} : { hint: this.hint };
    return new PackferryError(this.code, message, { ...hint, cause: this, errors: this.errors });
  }
}

/** Every code, for the generated documentation. */
export const errorCodes: readonly ErrorCode[] = Object.keys(statusOf) as ErrorCode[];

/** The exit status that belongs to a code. */
export function statusOfCode(code: ErrorCode): ExitStatus {
  return statusOf[code];
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
    return new PackferryError('E_IO', messageOf(fault), { cause: fault });
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
