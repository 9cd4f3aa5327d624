import { MemoryOutput } from './cli-run.ts';

/** A small terminal: it draws what is written to it, as far as our bars use control sequences (ECMA-48, xterm). */
export class ScreenOutput extends MemoryOutput {
  override columns: number;
  override rows: number;
  /** Every single write. */
  readonly writes: string[] = [];
  wraps = true;
  hidesCursor = false;
  readonly #lines: string[] = [''];
  #row = 0;
  #column = 0;

  constructor(columns = 80, rows = 24) {
    super(true);
    this.columns = columns;
    this.rows = rows;
  }

  override _write(chunk: string | Buffer, encoding: BufferEncoding, done: () => void): void {
    const text = chunk.toString();
    this.writes.push(text);
    for (const [part] of text.matchAll(/\u001b\[[?;0-9]*[A-Za-z]|\n|[^\n\u001b]+/g)) {
      if (part.startsWith('\u001b')) this.#control(part.slice(2));
      else if (part === '\n') this.#newLine();
      else this.#put(part);
    }
    super._write(chunk, encoding, done);
  }

  /** What stands on it, without trailing spaces and empty lines at the end. */
  get lines(): string[] {
    const lines = this.#lines.map((line) => line.trimEnd());
    return lines.slice(0, lines.findLastIndex((line) => line !== '') + 1);
  }

  #control(sequence: string): void {
    const number = Number(/^[0-9]+/.exec(sequence)?.[0] ?? 1);
    const line = this.#lines[this.#row] ?? '';
    if (sequence.startsWith('?')) {
      if (sequence.startsWith('?25')) this.hidesCursor = sequence.endsWith('l');
      else if (sequence.startsWith('?7')) this.wraps = sequence.endsWith('h');
      else throw new Error(`unknown mode: ${sequence}`);
    } else if (sequence.endsWith('m')) return;
    else if (sequence.endsWith('A')) this.#row = Math.max(0, this.#row - number);
    else if (sequence.endsWith('G')) this.#column = number - 1;
    else if (sequence.endsWith('K')) {
      this.#lines[this.#row] = sequence.startsWith('2') ? '' : line.slice(0, this.#column);
    } else if (sequence.endsWith('J')) {
      this.#lines[this.#row] = line.slice(0, this.#column);
      this.#lines.length = this.#row + 1;
    } else throw new Error(`unknown sequence: ${sequence}`);
  }

  #newLine(): void {
    this.#row += 1;
    this.#column = 0;
    if (this.#lines.length <= this.#row) this.#lines.push('');
  }

  #put(text: string): void {
    // A pseudo terminal that was told no size says 0.
    const columns = this.columns || 80;
    for (const character of text) {
      if (this.#column >= columns) {
        if (this.wraps) this.#newLine();
        else this.#column = columns - 1;
      }
      const line = (this.#lines[this.#row] ?? '').padEnd(this.#column);
      this.#lines[this.#row] = line.slice(0, this.#column) + character + line.slice(this.#column + 1);
      this.#column += 1;
    }
  }
}
