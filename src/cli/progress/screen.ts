import { Writable } from 'node:stream';
import cliProgress, { type MultiBar, type SingleBar } from 'cli-progress';
import type { Output } from '../context.ts';
import type { Line, Size } from './layout.ts';

/** Gathers what the bars write, line by line, so that a terminal gets each frame in one piece. */
class Frame extends Writable {
  readonly isTTY = true;
  #text = '';

  constructor() {
    super({ decodeStrings: false });
  }

  override _write(chunk: string | Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.#text += chunk.toString();
    done();
  }

  take(): string {
    const text = this.#text;
    this.#text = '';
    return text;
  }
}

/** Most characters of a bar. */
const longestBar = 30;

const clearBelow = '\u001b[J';
const wrapLines = '\u001b[?7h';
const cutLines = '\u001b[?7l';

/** The size of a terminal; 80 by 24 where it is not known, which some systems say with 0. */
export function sizeOf({ columns = 0, rows = 0 }: Output): Size {
  return { columns: columns > 0 ? columns : 80, rows: rows > 0 ? rows : 24 };
}

/** Lines that are drawn in place at the bottom of a terminal, below what is said meanwhile. */
export class Screen {
  readonly #stderr: Output;
  readonly #frame = new Frame();
  readonly #bars: MultiBar;
  readonly #lines: SingleBar[] = [];
  #last = '';
  #hasSaid = false;
  #columns = 80;

  /** `ascii` for terminals that may not have block characters. */
  constructor(stderr: Output, ascii: boolean) {
    this.#stderr = stderr;
    const preset = ascii
      ? { ...cliProgress.Presets.legacy, barCompleteChar: '#', barIncompleteChar: '-' }
      : cliProgress.Presets.shades_classic;
    this.#bars = new cliProgress.MultiBar(
      {
        stream: this.#frame,
        clearOnComplete: true,
        hideCursor: true,
        linewrap: false,
        gracefulExit: false,
        barsize: longestBar,
        // Said lines push the bars down: all of them have to be drawn anew.
        forceRedraw: true,
        // Its own clock is not needed: frames come from outside.
        fps: 1,
        format: (options, { progress }, { barSize = 0, part, text = '' }: Partial<Line>) => {
          const bar =
            barSize === 0
              ? ''
              : `${cliProgress.Format.BarFormat(progress, { ...options, barsize: barSize })} `;
          const percent = `${String(Math.floor(progress * 100)).padStart(3)}% `;
          return this.#cut(` ${part === undefined ? '' : `${bar}${percent}`}${text}`, ascii ? '~' : '…');
        },
      },
      preset,
    );
  }

  /** Draws one frame; nothing is written when it is the same as before. There must be a line. */
  paint(lines: readonly Line[]): void {
    const { columns } = sizeOf(this.#stderr);
    // A terminal that has become narrower has broken the old lines.
    if (this.#columns > columns) this.#bars.log(clearBelow);
    this.#columns = columns;
    while (this.#lines.length < lines.length) this.#lines.push(this.#bars.create(1, 0));
    for (const bar of this.#lines.splice(lines.length)) this.#bars.remove(bar);
    // A key that is missing would keep its value from another line.
    lines.forEach((line, at) => this.#lines[at]?.update(line.part ?? 0, { ...line, part: line.part }));
    this.#bars.update();
    this.#flush();
  }

  /** Puts a line above the bars, with the next frame. It may be longer than the terminal is wide. */
  say(line: string): void {
    this.#hasSaid = true;
    this.#bars.log(`${clearBelow}${wrapLines}${line}\n${cutLines}`);
  }

  /** Takes the lines away, and leaves the terminal as it was. */
  close(): void {
    this.#bars.update();
    this.#bars.stop();
    this.#flush();
  }

  #flush(): void {
    const text = this.#frame.take();
    // The same words said twice make two frames that look alike.
    if (this.#hasSaid || text !== this.#last) this.#stderr.write(text);
    this.#last = text;
    this.#hasSaid = false;
  }

  /** The last column stays free: some terminals wrap as soon as it is written. */
  #cut(text: string, mark: string): string {
    const room = Math.max(1, this.#columns - 1);
    return text.length <= room ? text : `${text.slice(0, room - 1)}${mark}`;
  }
}
