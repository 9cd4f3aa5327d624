import test from 'ava';
import { PackferryError } from '../../src/core/errors.ts';
import { connectArguments, parseClientCommand } from '../../src/ssh/client-command.ts';
import { parseDestination } from '../../src/ssh/destination.ts';

const split = test.macro((t, text: string, words: readonly string[]) => {
  t.deepEqual([...parseClientCommand(text)], words);
});

test('one word', split, 'ssh', ['ssh']);
test('words at spaces', split, ' ssh  -F  file ', ['ssh', '-F', 'file']);
test('quotes keep spaces', split, `ssh -o "ProxyCommand=nc %h" -i 'my key'`, [
  'ssh',
  '-o',
  'ProxyCommand=nc %h',
  '-i',
  'my key',
]);
test('a backslash keeps a space and a quote', split, `ssh my\\ key \\"x`, ['ssh', 'my key', '"x']);
test('nothing of a shell means anything', split, 'ssh $HOME *;~ `id` && |', [
  'ssh',
  '$HOME',
  '*;~',
  '`id`',
  '&&',
  '|',
]);

const refused = test.macro((t, text: string) => {
  const error = t.throws(() => parseClientCommand(text), { instanceOf: PackferryError });
  t.is(error.code, 'E_SSH_CONFIG');
  t.truthy(error.hint);
});

test('no word', refused, '  ');
test('a quote that is not closed', refused, 'ssh "a');
test('an option in place of a program', refused, '-o x');
test('a line break', refused, 'ssh\n-v');
test('a comment', refused, 'ssh #x');
test('trust on first use by the back door', refused, 'ssh -o StrictHostKeyChecking=no');
test('the same in one word and lower case', refused, 'ssh -ostricthostkeychecking=accept-new');

for (const host of ['-oProxyCommand=id', '-l@host', 'user@-host', '-user@host'])
  test(`no option gets through as a host: ${host}`, (t) => t.is(parseDestination(host), undefined));

const argumentsOf = (more: object, acceptNew = false) =>
  connectArguments(
    { host: 'h', user: 'u', port: 2222 },
    { me: { name: 'me', home: '/home/me', environment: {}, ...more }, acceptNew },
  ).join(' ');

test('nothing is asked, and the host has to be known, unless new ones are accepted', (t) => {
  t.true(argumentsOf({}).includes('-o BatchMode=yes -o StrictHostKeyChecking=yes'));
  t.true(argumentsOf({}, true).includes('-o StrictHostKeyChecking=accept-new'));
  t.true(argumentsOf({}).endsWith('-p 2222 -l u'));
});

test('paths with spaces and percent signs reach ssh as they are', (t) => {
  const line = argumentsOf({ identities: ['/a b/50%'], knownHosts: '/k h', configFile: 'none' });
  t.true(line.includes('IdentityFile="/a b/50%%"'), line);
  t.true(line.includes('UserKnownHostsFile="/k h"'), line);
  t.true(line.includes('-F none'), line);
  t.throws(() => argumentsOf({ identities: ['/a"b'] }), { instanceOf: PackferryError });
});
