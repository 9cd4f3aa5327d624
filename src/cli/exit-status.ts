import type { ExitStatus } from '../core/errors.ts';

/** What every exit status means; printed by --help and in docs/cli.md. */
export const exitStatusTable: readonly { readonly status: ExitStatus; readonly meaning: string }[] = [
  { status: 0, meaning: 'done as asked' },
  { status: 1, meaning: 'unexpected fault' },
  { status: 2, meaning: 'usage, configuration or manifest invalid' },
  { status: 3, meaning: 'some images failed (--keep-going)' },
  { status: 4, meaning: 'verification failed; always wins' },
  { status: 5, meaning: 'source unavailable' },
  { status: 6, meaning: 'delivery failed' },
  { status: 130, meaning: 'interrupted (Ctrl-C)' },
  { status: 143, meaning: 'terminated' },
];
