import test from 'ava';
import { connectFault } from '../../src/ssh/ssh-fault.ts';

const system = (code: string, message: string): Error => Object.assign(new Error(message), { code });

test('a host that refuses connections is told in words, with the code behind them', (t) => {
  const refused = connectFault('ssh://app1', system('ECONNREFUSED', 'connect ECONNREFUSED 10.0.0.1:22'));
  t.is(refused.code, 'E_SSH_UNREACHABLE');
  t.is(refused.message, 'ssh://app1: the connection was refused (ECONNREFUSED)');
  const other = connectFault('ssh://app1', system('EADDRNOTAVAIL', 'connect EADDRNOTAVAIL 10.0.0.1:22'));
  t.is(other.message, 'ssh://app1: connect EADDRNOTAVAIL 10.0.0.1:22', 'what has no words keeps its own');
});
