import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { systemCodeOf } from '../core/errors.ts';
import type { ServedContent, ServedRequest } from '../core/served.ts';
import { refusalWithout, type ServerAccount } from './server-account.ts';
import { errorAnswer, type ServerAnswer } from './server-answers.ts';
import { answerTo } from './server-routes.ts';
import { sendAnswer } from './server-send.ts';

export interface DeskOptions {
  /** Want this account with every request (Basic). */
  readonly account?: ServerAccount;
  /** Told when content could not be read, or is wrong: the client only sees status 500, or an answer that breaks off. */
  readonly onFault?: (fault: unknown) => void;
  /** Told of every answer when it has ended. */
  readonly onRequest?: (request: ServedRequest) => void;
}

/** What is logged of a target or of a name of a client: no more characters than this. */
const loggedLength = 500;

/** Answers requests, and knows which answers are under way. */
export class AnswerDesk {
  readonly #content: ServedContent;
  readonly #options: DeskOptions;
  readonly #underWay = new Set<Promise<void>>();
  #isClosing = false;

  constructor(content: ServedContent, options: DeskOptions) {
    this.#content = content;
    this.#options = options;
  }

  take(request: IncomingMessage, response: ServerResponse): void {
    const answering = this.#respond(request, response);
    this.#underWay.add(answering);
    void answering.finally(() => this.#underWay.delete(answering));
  }

  /** From now on every answer is the last of its connection. Waits for those under way, `grace` milliseconds at most. */
  async close(grace: number): Promise<void> {
    this.#isClosing = true;
    await Promise.race([Promise.all(this.#underWay), delay(grace, undefined, { ref: false })]);
  }

  /** Never rejects. */
  async #respond(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const since = performance.now();
    // Asked later, the address of a connection that is gone is not known any more.
    const client = request.socket.remoteAddress?.replace(/^::ffff:/, '') ?? '';
    const { method = '', url = '', headers } = request;
    const answer = await this.#answer(request);
    let bytes = 0;
    let complete = true;
    try {
      await sendAnswer(answer, response, {
        isHead: method === 'HEAD',
        isLast: this.#isClosing || hasBody(request),
        onBytes: (count) => (bytes += count),
      });
    } catch (fault) {
      complete = false;
      response.destroy();
      if (!isClientGone(fault)) this.#options.onFault?.(fault);
    }
    const userAgent = headers['user-agent']?.slice(0, loggedLength);
    this.#options.onRequest?.({
      method,
      target: url.slice(0, loggedLength),
      status: answer.status,
      bytes,
      milliseconds: Math.round(performance.now() - since),
      client,
      ...(userAgent === undefined ? {} : { userAgent }),
      complete,
    });
  }

  async #answer({ method = '', url = '', headers }: IncomingMessage): Promise<ServerAnswer> {
    const { account, onFault } = this.#options;
    const refusal = account === undefined ? undefined : refusalWithout(account, headers.authorization);
    if (refusal !== undefined) return refusal;
    return answerTo({ method, target: url, headers }, this.#content).catch((fault: unknown) => {
      onFault?.(fault);
      return errorAnswer(500, 'UNKNOWN', 'the content cannot be read');
    });
  }
}

/** Nobody reads bodies here: the connection ends with the answer, not with the last byte that a client likes to send. */
function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || (headers['content-length'] ?? '0') !== '0';
}

function isClientGone(fault: unknown): boolean {
  return ['ERR_STREAM_PREMATURE_CLOSE', 'ECONNRESET', 'EPIPE'].includes(systemCodeOf(fault) ?? '');
}
