import test from 'ava';
import { PackferryError } from '../../../src/core/errors.ts';
import type { EngineConnection } from '../../../src/engine/connect-engine.ts';
import { KeptConnections, type FoundEngine } from '../../../src/flows/inventory/engines.ts';

const { signal } = new AbortController();

/** A host that counts its connections; the first `failing` of them fail. */
function host(failing = 0): { readonly engine: FoundEngine; readonly told: string[] } {
  const told: string[] = [];
  const connect = (): Promise<EngineConnection> => {
    told.push('connect');
    if (told.length <= failing)
      return Promise.reject(new PackferryError('E_SSH_UNREACHABLE', 'ssh://app1: no answer'));
    return Promise.resolve({
      kind: 'stream',
      name: 'ssh://app1',
      connect: () => Promise.reject(new TypeError('not asked for')),
      close: () => void told.push('close'),
    });
  };
  return { engine: { host: { name: 'app1', url: 'ssh://app1' }, connect }, told };
}

const closing = (connection: EngineConnection): void => {
  if (connection.kind === 'stream') connection.close?.();
};

test('who asks, who takes and who brings share a connection, which one of them cannot close', async (t) => {
  const { engine, told } = host();
  const kept = new KeptConnections();
  const { connect } = kept.keep(engine);
  const [first, second] = await Promise.all([connect(signal), connect(signal)]);
  closing(first);
  closing(second);
  closing(await connect(signal));
  t.deepEqual(told, ['connect']);
  await kept.close();
  t.deepEqual(told, ['connect', 'close']);
});

test('a connection that failed is made by whoever asks next', async (t) => {
  const { engine, told } = host(1);
  const kept = new KeptConnections();
  const { connect } = kept.keep(engine);
  await t.throwsAsync(connect(signal), { code: 'E_SSH_UNREACHABLE' });
  await connect(signal);
  await kept.close();
  t.deepEqual(told, ['connect', 'connect', 'close']);
});
