import type { Socket } from 'node:net';
import { HeadReader } from './answer-head.ts';
import { malformed, TunnelRefused } from './http-fault.ts';
import { requestText } from './request.ts';
import { untilBroken } from './until-broken.ts';

/**
 * Asks a proxy for a tunnel to `target`, HOST:PORT (RFC 9110, section 9.3.6). From then on the socket leads there. Throws
 * `TunnelRefused` when the proxy makes none.
 */
export async function openTunnel(
  socket: Socket,
  target: string,
  authorization: string | undefined,
  signal: AbortSignal,
): Promise<void> {
  const reader = new HeadReader();
  const headers = {
    host: target,
    ...(authorization === undefined ? {} : { 'proxy-authorization': authorization }),
  };
  await untilBroken(socket, signal, (resolve, reject) => {
    socket.on('data', (bytes: Buffer) => {
      try {
        const taken = reader.take(bytes);
        if (taken === undefined) return;
        const { status } = taken.head;
        if (status < 200 || status > 299) throw new TunnelRefused(status);
        if (taken.rest.length > 0) throw malformed('the proxy says more than that there is a tunnel');
        socket.pause();
        resolve();
      } catch (fault) {
        reject(fault instanceof Error ? fault : malformed(String(fault)));
      }
    });
    socket.write(requestText({ method: 'CONNECT', target, headers }), 'latin1');
  });
  socket.removeAllListeners('data');
}
