import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { collect } from '../../../src/core/collect.ts';
import { Connections, type ConnectionsOptions } from '../../../src/registry/http/connections.ts';
import type { Sent } from '../../../src/registry/http/connection.ts';
import type { HttpRequest } from '../../../src/registry/http/request.ts';

interface Raw {
  readonly connections: Connections;
  /** How many connections came. */
  readonly accepted: () => number;
  /** What was asked for, with the number of the connection. */
  readonly asked: readonly string[];
}

const get: HttpRequest = { method: 'GET', target: '/a', headers: { host: 'h' } };
const timeouts = { connect: 5000, headers: 5000, body: 5000 };

/** A server that answers each request, which must come in one piece, as told. */
async function withServer(
  t: ExecutionContext,
  answer: (socket: Socket, request: string) => void,
  options: Partial<ConnectionsOptions> = {},
): Promise<Raw> {
  const sockets: Socket[] = [];
  const asked: string[] = [];
  const server = createServer((socket) => {
    const number = sockets.push(socket);
    socket.on('error', () => undefined);
    socket.on('data', (bytes) => {
      const [line = ''] = bytes.toString().split('\r\n');
      asked.push(`${number} ${line}`);
      answer(socket, line);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const connections = new Connections(
    { origin: new URL(`http://127.0.0.1:${port}`) },
    { most: 2, timeouts, ...options },
  );
  t.teardown(() => {
    connections.close();
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { connections, accepted: () => sockets.length, asked };
}

async function textOf({ body }: Sent): Promise<string> {
  return (await collect(body, 1e9, 'body')).toString();
}

const good = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';

/** Sends two requests one after the other; returns how many connections that took. */
const twice = test.macro({
  async exec(t, answer: string, wanted: number, ends = false) {
    const { connections, accepted } = await withServer(t, (socket) => {
      if (ends) socket.end(answer);
      else socket.write(answer);
    });
    for (let round = 0; round < 2; round += 1) {
      t.is(await textOf(await connections.send(get, undefined)), 'ok');
      await new Promise(setImmediate);
    }
    t.is(accepted(), wanted);
  },
  title: (title) => `two requests: ${title ?? ''}`,
});

test('the connection is used again', twice, good, 1);
test(
  'after early hints and chunks, too',
  twice,
  `HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n`,
  1,
);
test('not when it is to be closed', twice, good.replace('OK\r\n', 'OK\r\nConnection: close\r\n'), 2);
test('not when the answer ends with it', twice, 'HTTP/1.1 200 OK\r\n\r\nok', 2, true);
test('not when bytes come that belong to no answer', twice, `${good}HTTP/1.1 200 OK\r\n`, 2);

test('after a HEAD the connection is used again', async (t) => {
  const { connections, asked } = await withServer(t, (socket, line) => {
    socket.write(line.startsWith('HEAD') ? 'HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n' : good);
  });
  t.is(await textOf(await connections.send({ ...get, method: 'HEAD' }, undefined)), '');
  t.is(await textOf(await connections.send(get, undefined)), 'ok');
  t.deepEqual(asked, ['1 HEAD /a HTTP/1.1', '1 GET /a HTTP/1.1']);
});

test('there are never more connections than allowed, and everybody gets an answer', async (t) => {
  const { connections, accepted, asked } = await withServer(t, (socket, line) => {
    // Some are closed after the answer: others take their place.
    socket.write(line.includes('close') ? good.replace('OK\r\n', 'OK\r\nConnection: close\r\n') : good);
  });
  const sent = Array.from({ length: 40 }, async (_, at) => {
    return textOf(await connections.send({ ...get, target: at % 7 === 0 ? '/close' : '/a' }, undefined));
  });
  t.deepEqual([...new Set(await Promise.all(sent))], ['ok']);
  t.is(asked.length, 40);
  t.true(accepted() <= 2 + 6, String(accepted()));
});

test('who waits for a connection and stops takes none', async (t) => {
  let answer = (): void => undefined;
  const { connections, asked } = await withServer(
    t,
    (socket) => {
      answer = () => socket.write(good);
      if (asked.length > 1) answer();
    },
    { most: 1 },
  );
  const first = connections.send(get, undefined);
  const stop = new AbortController();
  const waiting = connections.send({ ...get, target: '/never' }, stop.signal);
  const third = connections.send({ ...get, target: '/third' }, undefined);
  stop.abort(new Error('enough'));
  await t.throwsAsync(waiting, { message: 'enough' });
  while (asked.length === 0) await new Promise(setImmediate);
  answer();
  t.is(await textOf(await first), 'ok');
  t.is(await textOf(await third), 'ok');
  t.deepEqual(asked, ['1 GET /a HTTP/1.1', '1 GET /third HTTP/1.1']);
});

const fails = test.macro({
  async exec(t, code: string, answer: (socket: Socket) => void, options: Partial<ConnectionsOptions> = {}) {
    const { connections } = await withServer(t, answer, options);
    const sending = async (): Promise<string> => textOf(await connections.send(get, undefined));
    await t.throwsAsync(sending(), { code });
  },
  title: (title) => `an exchange fails: ${title ?? ''}`,
});

test('the connection ends before the answer', fails, 'HTTP_CLOSED', (socket: Socket) => socket.end());
test('the connection ends inside the body', fails, 'HTTP_BODY_SHORT', (socket: Socket) =>
  socket.end(good.slice(0, -1)),
);
test('no HTTP', fails, 'HTTP_MALFORMED', (socket: Socket) => socket.write('220 mail ready\r\n'));
test('another protocol', fails, 'HTTP_MALFORMED', (socket: Socket) =>
  socket.write('HTTP/1.1 101 Switching\r\n\r\n'),
);
test('no answer', fails, 'HTTP_HEAD_TIMEOUT', () => undefined, { timeouts: { ...timeouts, headers: 20 } });
test(
  'a pause inside the body',
  fails,
  'HTTP_BODY_TIMEOUT',
  (socket: Socket) => socket.write(good.slice(0, -1)),
  {
    timeouts: { ...timeouts, body: 20 },
  },
);

test('nobody reads: the server cannot send, no time limit ends it, and nothing is lost', async (t) => {
  const size = 32 * 1024 * 1024;
  let served: Socket | undefined;
  const { connections } = await withServer(
    t,
    (socket) => {
      served = socket;
      socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${size}\r\n\r\n`);
      socket.write(Buffer.alloc(size, 'x'));
    },
    { timeouts: { ...timeouts, body: 1500 } },
  );
  const { body } = await connections.send(get, undefined);
  // Longer than the time limit.
  await delay(2000);
  t.true(body.readableLength <= 512 * 1024, String(body.readableLength));
  t.true((served?.writableLength ?? 0) > 0);
  t.is((await collect(body, size, 'body')).length, size);
});

test('a header that would end the head is not sent', async (t) => {
  const { connections, asked, accepted } = await withServer(t, (socket) => socket.write(good));
  for (const evil of ['a\r\nB: c', 'a\n', 'snow\u2603']) {
    const sending = connections.send({ ...get, headers: { host: 'h', a: evil } }, undefined);
    await t.throwsAsync(sending, { message: 'the header a cannot be sent' });
  }
  t.is(accepted(), 0, 'nobody is even called');
  await t.throwsAsync(connections.send({ ...get, target: '/a b' }, undefined), {
    message: 'no usable request line',
  });
  t.deepEqual(asked, []);
});
