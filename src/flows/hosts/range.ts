/** The names that a pattern with ranges stands for, or what is wrong with it. */
export type Expanded = { readonly names: readonly string[] } | { readonly mistake: string };

const range = /\[([^[\]]*)\]/g;

/**
 * Takes ranges apart as Ansible does: `app[01:20]` counts with two digits, `app[1:9:2]` by two, `app[a:f]` by letters.
 * No more than `most` names come of it.
 */
export function expandRanges(pattern: string, most: number): Expanded {
  const lists: (readonly string[])[] = [];
  const texts: string[] = [];
  let [end, count] = [0, 1];
  for (const found of pattern.matchAll(range)) {
    const items = itemsOf(found[1] ?? '', most);
    if (typeof items === 'string') return { mistake: `[${found[1] ?? ''}] ${items}` };
    count *= items.length;
    if (count > most) return { mistake: `stands for more than ${most} hosts` };
    texts.push(pattern.slice(end, found.index));
    lists.push(items);
    end = found.index + found[0].length;
  }
  let names = [''];
  for (const [at, items] of lists.entries())
    names = names.flatMap((name) => items.map((item) => `${name}${texts[at] ?? ''}${item}`));
  return { names: names.map((name) => name + pattern.slice(end)) };
}

function itemsOf(text: string, most: number): readonly string[] | string {
  const [from = '', to = '', step = '1', ...more] = text.split(':');
  if (!text.includes(':') || more.length > 0) return 'is no range: write it as [01:20] or [a:f]';
  if (!/^[1-9][0-9]{0,4}$/.test(step)) return 'has a step that is no number from 1 on';
  const numbers = [from === '' ? '0' : from, to];
  if (numbers.every((one) => /^[0-9]{1,9}$/.test(one))) return counted(numbers, Number(step), most);
  const isLetters = /^(?:[a-z]:[a-z]|[A-Z]:[A-Z])$/.test(`${from}:${to}`);
  if (!isLetters) return 'is no range: write it as [01:20] or [a:f]';
  const [first, last] = [from.charCodeAt(0), to.charCodeAt(0)];
  if (first > last) return 'ends before it begins';
  return steps(first, last, Number(step)).map((code) => String.fromCharCode(code));
}

function counted(
  [from = '', to = '']: readonly string[],
  step: number,
  most: number,
): readonly string[] | string {
  const width = from.length > 1 && from.startsWith('0') ? from.length : 0;
  if (width > 0 && to.length !== width) return 'has ends of different widths';
  const [first, last] = [Number(from), Number(to)];
  if (first > last) return 'ends before it begins';
  if ((last - first) / step >= most) return `stands for more than ${most} hosts`;
  return steps(first, last, step).map((number) => String(number).padStart(width, '0'));
}

function steps(first: number, last: number, step: number): number[] {
  return Array.from({ length: Math.floor((last - first) / step) + 1 }, (_, at) => first + at * step);
}
