/** Lines shown before and behind a change. */
const context = 3;

/**
 * A unified diff of two texts of which one line differs, as `diff -u` writes it and `patch` reads it. Line ends are
 * part of the lines.
 */
export function unifiedDiff(name: string, before: string, after: string): string {
  const old = linesOf(before);
  const fresh = linesOf(after);
  const at = old.findIndex((line, index) => line !== fresh[index]);
  if (at < 0) return '';
  const start = Math.max(0, at - context);
  const end = Math.min(old.length, at + context + 1);
  const range = `${start + 1},${end - start}`;
  const lines = [
    ...old.slice(start, at).map((line) => ` ${line}`),
    `-${old[at] ?? ''}`,
    `+${fresh[at] ?? ''}`,
    ...old.slice(at + 1, end).map((line) => ` ${line}`),
  ];
  return `--- ${name}\n+++ ${name}\n@@ -${range} +${range} @@\n${lines.map(closed).join('')}`;
}

/** The lines with their ends; the last may have none. */
function linesOf(text: string): string[] {
  return text.match(/[^\n]*\n|[^\n]+$/g) ?? [];
}

function closed(line: string): string {
  return line.endsWith('\n') ? line : `${line}\n\\ No newline at end of file\n`;
}
