/** A text file with lines added at its end; what was there stays byte for byte. */
export function appendLines(bytes: Uint8Array | undefined, lines: readonly string[]): Buffer {
  const before = Buffer.from(bytes ?? []);
  const isOpen = before.length > 0 && before.at(-1) !== 0x0a;
  return Buffer.concat([before, Buffer.from(`${isOpen ? '\n' : ''}${lines.join('\n')}\n`)]);
}
