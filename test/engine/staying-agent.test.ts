import { createSecureContext } from 'node:tls';
import { inspect } from 'node:util';
import test from 'ava';
import { StayingAgent, StreamAgent, TlsAgent } from '../../src/engine/staying-agent.ts';

test('nobody who describes a request walks through its agent, or finds keys there', (t) => {
  const agents = [
    new StayingAgent(),
    new StreamAgent(() => Promise.reject(new Error('not called')), true),
    new TlsAgent({ host: 'box', port: 2376, secure: createSecureContext() }),
  ];
  // As docker-modem does for every request.
  t.is(
    inspect({ agents }, { showHidden: true, depth: null, breakLength: Infinity }),
    '{ agents: [ StayingAgent, StreamAgent, TlsAgent, [length]: 3 ] }',
  );
});
