import { request } from 'node:http';

/** Does the API of an engine answer on this socket? One that takes the connection and says nothing is asked again later. */
export function engineAnswers(socketPath: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const ping = request({ socketPath, path: '/_ping', agent: false, timeout: 5000 }, (answer) => {
      answer.resume();
      resolve(answer.statusCode === 200);
    });
    ping.once('timeout', () => ping.destroy(new Error('timeout')));
    ping.once('error', reject);
    ping.end();
  });
}
