/** The first of many names for a message: `a, b, c and 12 more`. */
export function someOf(names: readonly string[], most = 3): string {
  const left = names.length - most;
  if (left <= 0) return names.join(', ');
  return `${names.slice(0, most).join(', ')} and ${left} more`;
}
