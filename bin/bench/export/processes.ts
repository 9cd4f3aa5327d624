import { readdirSync, readFileSync } from 'node:fs';

/** Clock ticks of /proc are hundredths of a second on every Linux that Node runs on. */
const ticksPerSecond = 100;

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    // It has ended.
    return '';
  }
}

/** The fields of /proc/PID/stat behind the name, which may hold spaces; the first is the state (proc(5), field 3). */
function fields(pid: string): string[] {
  return (/.*\) (.*)/s.exec(read(`/proc/${pid}/stat`))?.[1] ?? '').split(' ');
}

function seconds(ticks: readonly (string | undefined)[]): number {
  return ticks.reduce((sum, value) => sum + Number(value ?? 0), 0) / ticksPerSecond;
}

/** Processor seconds, user and system, of all children of this process that have ended, with theirs. */
export function cpuOfEndedChildren(): number {
  return seconds(fields('self').slice(13, 15));
}

/** Processor seconds of a running process, and of its children that have ended. */
export function cpuOf(pid: number): number {
  return seconds(fields(String(pid)).slice(11, 15));
}

/** Bytes that a process and its ended children caused to be written to disks. */
export function writtenBy(pid: number | 'self'): number {
  return Number(/^write_bytes: (\d+)/m.exec(read(`/proc/${pid}/io`))?.[1] ?? 0);
}

/** The largest resident memory that a process has had, in bytes; 0 when it has ended. */
export function peakMemoryOf(pid: number): number {
  return Number(/^VmHWM:\s+(\d+) kB/m.exec(read(`/proc/${pid}/status`))?.[1] ?? 0) * 1024;
}

/** A process and all that run below it. */
export function treeOf(root: number): number[] {
  const children = new Map<number, number[]>();
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const parent = Number(fields(name)[1]);
    children.set(parent, [...(children.get(parent) ?? []), Number(name)]);
  }
  const below = (pid: number): number[] => [pid, ...(children.get(pid) ?? []).flatMap(below)];
  return below(root);
}
