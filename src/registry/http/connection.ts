import type { Socket } from 'node:net';
import { giveBack } from '../../core/slabs.ts';
import { AnswerBody } from './answer-body.ts';
import {
  framingOf,
  HeadReader,
  idleTimeOf,
  type AnswerHead,
  type Framing,
  type Headers,
} from './answer-head.ts';
import { ChunkedBody } from './chunked.ts';
import { HttpFault, malformed } from './http-fault.ts';
import type { OpenSocket } from './open-socket.ts';
import type { Content } from './request.ts';

/** An answer whose body has not been read. Whoever gets one must read or destroy `body`. */
export interface Sent {
  readonly status: number;
  readonly headers: Headers;
  readonly body: AnswerBody;
}

/** All in milliseconds. */
export interface ExchangeTimeouts {
  readonly headers: number;
  readonly body: number;
}

/** What a connection is waiting for. */
type Exchange =
  | {
      readonly step: 'head';
      readonly method: string;
      readonly reader: HeadReader;
      readonly resolve: (sent: Sent) => void;
      readonly reject: (fault: Error) => void;
    }
  | { readonly step: 'body'; readonly body: AnswerBody; readonly framing: BodyFraming };

/** Bytes of a content that are written at a time. */
const sliceSize = 64 * 1024;

type BodyFraming = ChunkedBody | 'until-end' | { left: number };

/** One connection, with one exchange at a time: a request, then its answer (RFC 9112; no pipelining). */
export class Connection {
  readonly #socket: Socket;
  readonly #timeouts: ExchangeTimeouts;
  /** Told after an answer: the connection can be used again, or it is gone. */
  readonly #onFree: (connection: Connection) => void;
  readonly #onGone: (connection: Connection) => void;
  #exchange: Exchange | undefined;
  /** What is being sent; an answer that comes before its end makes the rest superfluous. */
  #sending: Content | undefined;
  /** How long it may stand idle after the answer. */
  #idleTime = 0;
  #timer: NodeJS.Timeout | undefined;
  #isPaused = false;
  #isGone = false;

  constructor(
    opened: OpenSocket,
    timeouts: ExchangeTimeouts,
    on: { readonly free: (connection: Connection) => void; readonly gone: (connection: Connection) => void },
  ) {
    this.#socket = opened.socket;
    this.#timeouts = timeouts;
    this.#onFree = on.free;
    this.#onGone = on.gone;
    opened.listen((bytes) => this.#receive(bytes));
    opened.socket.on('error', (fault) => {
      this.#end(fault);
    });
    opened.socket.once('end', () => {
      this.#ended();
    });
    opened.socket.once('close', () => {
      this.#end(closed());
    });
  }

  /** Sends the bytes of a request; the answer is there as soon as its head is. The connection must be idle. */
  async exchange(method: string, request: string, content?: Content): Promise<Sent> {
    return new Promise((resolve, reject) => {
      this.#exchange = { step: 'head', method, reader: new HeadReader(), resolve, reject };
      this.#wait(this.#timeouts.headers, 'HTTP_HEAD_TIMEOUT', 'no answer came in time');
      this.#socket.resume();
      this.#socket.write(request, 'latin1');
      this.#sending = content;
      if (content !== undefined) this.#sendFrom(content, 0);
    });
  }

  /** Sends a content on as fast as the server takes it. */
  #sendFrom(content: Content, start: number): void {
    let at = start;
    while (at < content.bytes.length) {
      if (this.#isGone || this.#sending !== content) return;
      const slice = content.bytes.subarray(at, at + sliceSize);
      at += slice.length;
      content.onSent?.(at);
      // The answer is waited for from the last byte on.
      this.#timer?.refresh();
      if (!this.#socket.write(slice)) {
        this.#socket.once('drain', () => {
          this.#sendFrom(content, at);
        });
        return;
      }
    }
    this.#sending = undefined;
  }

  /** Cuts it. An exchange that is under way fails with `fault`. */
  cut(fault: Error = closed()): void {
    this.#end(fault);
  }

  /** Takes what has come. Returns false when no more is to be read for now. */
  #receive(bytes: Buffer): boolean {
    let rest = bytes;
    try {
      // What comes before the answer, as "early hints" do, has heads of its own.
      while (this.#exchange?.step === 'head' && rest.length > 0) rest = this.#takeHead(this.#exchange, rest);
      if (this.#exchange?.step === 'body') rest = this.#takeBody(this.#exchange, rest);
      if (rest.length > 0) throw malformed('bytes come that belong to no answer');
    } catch (fault) {
      this.#end(fault instanceof Error ? fault : malformed(String(fault)));
    } finally {
      giveBack(bytes);
    }
    return !this.#isPaused;
  }

  #takeHead(exchange: Exchange & { step: 'head' }, bytes: Buffer): Buffer {
    const taken = exchange.reader.take(bytes);
    if (taken === undefined) return Buffer.alloc(0);
    const { head, rest } = taken;
    if (head.status === 101)
      throw malformed('the server switches to another protocol, which nobody asked for');
    if (head.status < 200) return rest;
    const framing = framingOf(head, exchange.method);
    this.#begin(head, framing, exchange.resolve);
    return rest;
  }

  #begin(head: AnswerHead, framing: Framing | undefined, resolve: (sent: Sent) => void): void {
    const body = new AnswerBody({
      pause: () => {
        this.#pause();
      },
      resume: () => {
        this.#resume();
      },
      cut: () => {
        this.cut();
      },
    });
    // A server that has not taken all of a request would read the next one as the rest of it.
    const isWhole = framing !== 'until-end' && this.#sending === undefined;
    this.#sending = undefined;
    this.#idleTime = isWhole ? idleTimeOf(head) : 0;
    this.#exchange = { step: 'body', body, framing: bodyFramingOf(framing) };
    this.#wait(this.#timeouts.body, 'HTTP_BODY_TIMEOUT', 'the data stopped coming');
    resolve({ status: head.status, headers: head.headers, body });
    if (framing === undefined || (typeof framing === 'object' && framing.bytes === 0)) this.#complete(body);
  }

  #takeBody({ body, framing }: Exchange & { step: 'body' }, bytes: Buffer): Buffer {
    this.#timer?.refresh();
    if (framing === 'until-end') {
      if (bytes.length > 0) body.give(bytes);
      return bytes.subarray(bytes.length);
    }
    if (framing instanceof ChunkedBody) {
      const rest = framing.take(bytes, (content) => {
        body.give(content);
      });
      if (framing.isComplete) this.#complete(body);
      return rest;
    }
    const content = bytes.subarray(0, framing.left);
    framing.left -= content.length;
    if (content.length > 0) body.give(content);
    if (framing.left === 0) this.#complete(body);
    return bytes.subarray(content.length);
  }

  #complete(body: AnswerBody): void {
    this.#exchange = undefined;
    this.#stopWaiting();
    this.#resume();
    body.finish();
    if (this.#idleTime === 0) {
      this.#end(closed());
      return;
    }
    this.#wait(this.#idleTime, 'HTTP_CLOSED', 'it stood idle');
    // Not while bytes are being read: what comes behind the answer is to be met first.
    queueMicrotask(() => {
      if (!this.#isGone) this.#onFree(this);
    });
  }

  /** The server has said all that it has to say. */
  #ended(): void {
    const exchange = this.#exchange;
    if (exchange?.step !== 'body') this.#end(closed());
    else if (exchange.framing === 'until-end') {
      this.#complete(exchange.body);
    } else this.#end(new HttpFault('HTTP_BODY_SHORT', 'the answer is shorter than announced'));
  }

  #pause(): void {
    if (this.#isPaused) return;
    this.#isPaused = true;
    this.#socket.pause();
    // Whoever reads may take his time.
    this.#stopWaiting();
  }

  #resume(): void {
    if (!this.#isPaused || this.#isGone) return;
    this.#isPaused = false;
    if (this.#exchange !== undefined) {
      this.#wait(this.#timeouts.body, 'HTTP_BODY_TIMEOUT', 'the data stopped coming');
    }
    this.#socket.resume();
  }

  #wait(milliseconds: number, code: HttpFault['code'], message: string): void {
    clearTimeout(this.#timer);
    const timer = setTimeout(() => {
      const { bytesRead } = this.#socket;
      // A process that was busy meanwhile looks first whether something has come.
      setImmediate(() => {
        if (this.#timer !== timer) return;
        if (this.#socket.bytesRead > bytesRead) timer.refresh();
        else this.#end(new HttpFault(code, message));
      });
    }, milliseconds);
    this.#timer = timer;
  }

  #stopWaiting(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #end(fault: Error): void {
    if (this.#isGone) return;
    this.#isGone = true;
    this.#stopWaiting();
    const exchange = this.#exchange;
    this.#exchange = undefined;
    this.#socket.destroy();
    if (exchange?.step === 'head') exchange.reject(fault);
    else exchange?.body.destroy(fault);
    this.#onGone(this);
  }
}

function bodyFramingOf(framing: Framing | undefined): BodyFraming {
  if (framing === 'until-end') return framing;
  return framing === 'chunked' ? new ChunkedBody() : { left: framing?.bytes ?? 0 };
}

function closed(): HttpFault {
  return new HttpFault('HTTP_CLOSED', 'the connection was closed');
}
