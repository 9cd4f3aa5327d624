import { Duplex } from 'node:stream';
import type { ClientChannel } from 'ssh2';

export interface ChannelStreamOptions {
  /** Asked when the channel has ended: a fault of it, or undefined when it ended well. */
  readonly faultAtEnd: () => Error | undefined;
  /** When the output is over: with the channel, for commands, whose exit status comes last; else with the far end's EOF. */
  readonly endsWith: 'eof' | 'close';
}

/** Bytes that are taken before the writer has to wait; ssh2 keeps as much again, up to the window of 2 MiB. */
const buffered = 256 * 1024;

/**
 * A channel of ssh2 as a stream of Node's own kind. Those of ssh2 end without a fault when the connection breaks, go on
 * after they were destroyed, and never call back for what was written into a closed one.
 */
export class ChannelStream extends Duplex {
  /** It leads to a socket there, of which any number may be open; a command holds one of few sessions. */
  readonly isForwarded: boolean;
  readonly #channel: ClientChannel;

  constructor(channel: ClientChannel, { faultAtEnd, endsWith }: ChannelStreamOptions) {
    // As sockets do: whoever has heard the end of the far side has nothing more to say.
    const allowHalfOpen = endsWith === 'close';
    super({ writableHighWaterMark: buffered, readableHighWaterMark: buffered, allowHalfOpen });
    this.#channel = channel;
    this.isForwarded = endsWith === 'eof';
    const finish = (): void => {
      const fault = faultAtEnd();
      if (fault === undefined) this.push(null);
      else this.destroy(fault);
    };
    channel.on('data', (chunk: Buffer) => {
      if (!this.destroyed && !this.push(chunk)) channel.pause();
    });
    if (endsWith === 'eof') channel.once('end', finish);
    channel.once('close', () => {
      // What a command said on stderr may still be on its way to whoever reads it.
      if (endsWith === 'close' && !channel.stderr.readableEnded) channel.stderr.once('end', finish);
      else if (endsWith === 'close') finish();
      // Nothing that is written any more would arrive.
      else if (!this.writableFinished) this.destroy(faultAtEnd() ?? brokenPipe());
    });
    channel.on('error', (fault: Error) => this.destroy(fault));
    // A command may fail before anybody reads: whoever does is told then.
    this.on('error', () => undefined);
  }

  override _read(): void {
    this.#channel.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (fault?: Error | null) => void): void {
    this.#channel.write(chunk, () => done());
  }

  override _final(done: (fault?: Error | null) => void): void {
    this.#channel.end();
    done();
  }

  override _destroy(fault: Error | null, done: (fault: Error | null) => void): void {
    this.#channel.close();
    // What still comes is dropped: unread, it would keep the channel open.
    this.#channel.resume();
    done(fault);
  }
}

function brokenPipe(): Error {
  return Object.assign(new Error('the far end closed the channel'), { code: 'EPIPE' });
}
