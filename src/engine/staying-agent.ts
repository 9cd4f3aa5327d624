import { Agent, type ClientRequest, type IncomingMessage } from 'node:http';

// Node's own hook for agents; its types leave it out.
const inherited: unknown = Reflect.get(Agent.prototype, 'addRequest');

/**
 * One connection per request, and no redirects. docker-modem follows them to any host, and since nobody listens to
 * the faults of the second request, a proxy that redirects to a closed port would end the process. An answer without
 * a Location it leaves alone.
 */
export class StayingAgent extends Agent {
  addRequest(request: ClientRequest, ...rest: unknown[]): void {
    if (typeof inherited !== 'function') throw new TypeError('http.Agent has no addRequest');
    request.prependListener('response', (answer: IncomingMessage) => {
      delete answer.headers.location;
    });
    Reflect.apply(inherited, this, [request, ...rest]);
  }
}
