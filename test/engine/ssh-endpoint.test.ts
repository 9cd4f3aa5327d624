import test from 'ava';
import { PackferryError } from '../../src/core/errors.ts';
import { parseSshEndpoint } from '../../src/engine/ssh-endpoint.ts';

test('all parts of an engine over SSH', (t) => {
  t.deepEqual(parseSshEndpoint('//me@host:2222?engine=podman&as=demisto&socket=%2Frun%2Fa b.sock'), {
    name: 'ssh://me@host:2222?engine=podman&as=demisto&socket=%2Frun%2Fa b.sock',
    destination: { user: 'me', host: 'host', port: 2222 },
    engine: 'podman',
    as: 'demisto',
    socket: '/run/a b.sock',
  });
  t.like(parseSshEndpoint('//[fe80::1]/'), { destination: { host: 'fe80::1' }, as: undefined });
  t.like(parseSshEndpoint('//host?sudo'), { as: 'root' });
});

const refuses = test.macro({
  exec(t, rest: string) {
    const error = t.throws(() => parseSshEndpoint(rest), { instanceOf: PackferryError });
    t.is(error.code, 'E_ENDPOINT_INVALID');
    t.false(`${error.message} ${error.hint ?? ''}`.includes('s3cret'));
  },
  title: (what) => `refuses an SSH endpoint with ${what}`,
});
test('a password', refuses, '//me:s3cret@host');
test('a password with a slash in it', refuses, '//me:s3cret/x@host');
test('no host', refuses, '//');
test('an option in place of a host', refuses, '//-oProxyCommand=x');
test('an option in place of a user', refuses, '//-l@host');
test('a path', refuses, '//host/path');
test('a port that is none', refuses, '//host:99999');
test('an unknown setting', refuses, '//host?sock=/x');
test('a setting twice', refuses, '//host?as=a&as=b');
test('an engine that is none', refuses, '//host?engine=lxc');
test('a user that is an option', refuses, '//host?as=-s');
test('a user with a space', refuses, '//host?as=a%20b');
test('a socket that is relative', refuses, '//host?socket=run');
test('a socket with a line break', refuses, '//host?socket=/a%0Ab');
test('an escape that means nothing', refuses, '//host?socket=/%zz');
