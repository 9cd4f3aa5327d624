import { AssertionError } from 'node:assert';
import process from 'node:process';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { PackferryError, type ErrorCode } from '../../src/core/errors.ts';
import { inputOf, type Target } from './target.ts';

/** One run that did not go as it must, and why. */
export interface Finding {
  readonly run: number;
  readonly what: string;
}

/** What came of some runs of a target. */
export interface Tally {
  readonly runs: number;
  readonly accepted: number;
  readonly refused: number;
  /** Of the slowest run, milliseconds of processor time. */
  readonly slowest: number;
  readonly findings: readonly Finding[];
}

export interface RunOptions {
  readonly folder: string;
  readonly from: number;
  /** Numbers of runs, or when to stop by the clock of `Date.now`. */
  readonly runs: number;
  readonly until: number;
  /** Called before each run. */
  readonly onRun: (run: number) => void;
}

/** A parser takes less than this for any input of our size: milliseconds of processor time, bytes more of memory. */
const slow = 4000;
const large = 200 * 1024 * 1024;
/** Bytes that may be held longer than a run: caches fill at first. */
const kept = 48 * 1024 * 1024;
const warmAfter = 50;
const mostFindings = 5;

/** Runs a target on inputs of its own, and judges every run. */
export async function runTarget(target: Target, options: RunOptions): Promise<Tally> {
  const valid = await target.valid();
  const count = { runs: 0, accepted: 0, refused: 0, slowest: 0 };
  const findings: Finding[] = [];
  let held = heldMemory();
  for (let run = options.from; run < options.from + options.runs && Date.now() < options.until; run += 1) {
    options.onRun(run);
    const { input, isValid } = inputOf(target, valid, run);
    const { milliseconds, bytes, outcome } = await measured(() => judge(target, input, options.folder));
    count.runs += 1;
    count.slowest = Math.max(count.slowest, milliseconds);
    const what =
      'fault' in outcome
        ? outcome.fault
        : isValid && outcome.code !== undefined
          ? `a valid input is refused: ${outcome.message}`
          : milliseconds > slow
            ? `slow: ${milliseconds} ms for ${input.length} bytes`
            : bytes > large
              ? `takes ${bytes} bytes of memory for ${input.length} bytes`
              : undefined;
    if (what !== undefined) findings.push({ run, what });
    else count['code' in outcome ? 'refused' : 'accepted'] += 1;
    if (findings.length >= mostFindings) break;
    if (count.runs === warmAfter) held = heldMemory();
  }
  const growth = heldMemory() - held;
  if (count.runs > warmAfter && growth > kept) {
    findings.push({ run: options.from, what: `${growth} bytes are still held after ${count.runs} runs` });
  }
  return { ...count, findings };
}

type Outcome = { readonly code?: ErrorCode; readonly message: string } | { readonly fault: string };

/** Reads one input; whatever is wrong with how it ended is the fault. */
export async function judge(target: Target, input: Buffer, folder: string): Promise<Outcome> {
  try {
    await target.read(input, folder);
    return { message: 'accepted' };
  } catch (fault) {
    if (!(fault instanceof PackferryError)) return { fault: describe(fault) };
    if (!target.codes.includes(fault.code))
      return { fault: `the code ${fault.code} is not expected: ${describe(fault)}` };
    if (fault.message.length > 100_000) return { fault: `a message of ${fault.message.length} characters` };
    return { code: fault.code, message: `${fault.code}: ${fault.message}` };
  }
}

function describe(fault: unknown): string {
  if (fault instanceof AssertionError) return `not as promised: ${fault.message}`;
  return fault instanceof Error ? (fault.stack ?? fault.message) : String(fault);
}

async function measured(
  work: () => Promise<Outcome>,
): Promise<{ milliseconds: number; bytes: number; outcome: Outcome }> {
  const before = process.cpuUsage();
  const most = process.resourceUsage().maxRSS;
  const outcome = await work();
  const { user, system } = process.cpuUsage(before);
  const bytes = 1024 * (process.resourceUsage().maxRSS - most);
  return { milliseconds: Math.round((user + system) / 1000), bytes, outcome };
}

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** What this thread holds on to. */
function heldMemory(): number {
  collectGarbage();
  const { heapUsed, external, arrayBuffers } = process.memoryUsage();
  return heapUsed + external + arrayBuffers;
}
