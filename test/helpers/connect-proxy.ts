import { createServer, request as send, type IncomingMessage } from 'node:http';
import { connect, type Socket } from 'node:net';
import type { ExecutionContext } from 'ava';

/** A proxy of the test's own on loopback. Whatever host it is asked for, it connects to `to`. */
export interface ConnectProxy {
  /** `http://127.0.0.1:PORT`. */
  readonly origin: string;
  readonly host: string;
  /** What it was asked for: `CONNECT host:port` or `GET http://host/path`. */
  readonly asked: readonly string[];
  /** Most tunnels that were open at once. */
  readonly mostTunnels: () => number;
}

/** Starts a proxy that wants `account` (`USER:PASSWORD`), when there is one; it ends with the test. */
export async function startProxy(
  t: ExecutionContext,
  to: string,
  { account, status }: { readonly account?: string; readonly status?: number } = {},
): Promise<ConnectProxy> {
  const asked: string[] = [];
  const sockets = new Set<Socket>();
  let [tunnels, most] = [0, 0];
  const [address = '', port = ''] = to.split(':');
  const refusal = ({ headers }: IncomingMessage): number | undefined => {
    const wanted = account && `Basic ${Buffer.from(account).toString('base64')}`;
    return wanted !== undefined && headers['proxy-authorization'] !== wanted ? 407 : status;
  };
  const server = createServer((message, response) => {
    asked.push(`${message.method ?? ''} ${message.url ?? ''}`);
    const refused = refusal(message);
    if (refused !== undefined) {
      response.writeHead(refused).end('no');
      return;
    }
    const { pathname, search } = new URL(message.url ?? '');
    const headers = { ...message.headers };
    delete headers['proxy-authorization'];
    const onward = send({ host: address, port, path: `${pathname}${search}`, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    onward.once('error', () => response.destroy());
    onward.end();
  });
  server.on('connect', (message: IncomingMessage, client: Socket) => {
    asked.push(`CONNECT ${message.url ?? ''}`);
    const refused = refusal(message);
    if (refused !== undefined) {
      client.end(`HTTP/1.1 ${refused} No\r\nContent-Length: 0\r\n\r\n`);
      return;
    }
    const tunnel = connect(Number(port), address, () => {
      client.write('HTTP/1.1 200 Connection established\r\n\r\n');
      client.pipe(tunnel).pipe(client);
    });
    tunnels += 1;
    most = Math.max(most, tunnels);
    for (const socket of [client, tunnel]) socket.on('error', () => undefined);
    tunnel.once('close', () => {
      tunnels -= 1;
      client.destroy();
    });
    client.once('close', () => tunnel.destroy());
  });
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const bound = server.address();
  if (bound === null || typeof bound === 'string') throw new Error('no port');
  const host = `127.0.0.1:${bound.port}`;
  return { origin: `http://${host}`, host, asked, mostTunnels: () => most };
}
