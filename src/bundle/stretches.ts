/** Bytes of a blob, from one on up to another, which does not belong to it. */
export interface Stretch {
  readonly from: number;
  readonly to: number;
}

/** The same bytes in as few stretches as possible, in order. */
export function joined(stretches: Iterable<Stretch>): Stretch[] {
  const all: Stretch[] = [];
  for (const { from, to } of [...stretches].sort((a, b) => a.from - b.from)) {
    if (from >= to) continue;
    const last = all.at(-1);
    if (last === undefined || from > last.to) all.push({ from, to });
    else if (to > last.to) all[all.length - 1] = { from: last.from, to };
  }
  return all;
}

/** What of joined stretches lies in another one. */
export function within(stretches: readonly Stretch[], { from, to }: Stretch): Stretch[] {
  return joined(stretches.map((each) => ({ from: Math.max(each.from, from), to: Math.min(each.to, to) })));
}

/** What of a stretch is not in joined ones. */
export function gapsIn({ from, to }: Stretch, stretches: readonly Stretch[]): Stretch[] {
  const inside = within(stretches, { from, to });
  const starts = [from, ...inside.map((each) => each.to)];
  const ends = [...inside.map((each) => each.from), to];
  return joined(starts.map((start, at) => ({ from: start, to: ends[at] ?? to })));
}

/** How many bytes joined stretches have from the first byte of the blob on without a gap. */
export function frontOf([first]: readonly Stretch[]): number {
  return first?.from === 0 ? first.to : 0;
}

/** Bytes of joined stretches. */
export function lengthOf(stretches: readonly Stretch[]): number {
  return stretches.reduce((sum, { from, to }) => sum + to - from, 0);
}
