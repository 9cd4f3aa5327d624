import test from 'ava';
import { PackferryError } from '../../src/core/errors.ts';
import { proxyFor, readProxyVariables } from '../../src/core/proxy.ts';

const all = { HTTP_PROXY: 'http://plain.proxy:3128', HTTPS_PROXY: 'http://tls.proxy:3128' };

const goesThrough = test.macro({
  exec(t, url: string, environment: Record<string, string>, proxy: string | undefined) {
    t.is(proxyFor(new URL(url), readProxyVariables(environment))?.host, proxy);
  },
  title: (title, url: string) => `proxy: ${title ?? ''} (${url})`,
});

test('HTTPS by its variable', goesThrough, 'https://r.example/v2/', all, 'tls.proxy:3128');
test('HTTP by its variable', goesThrough, 'http://r.example/v2/', all, 'plain.proxy:3128');
test(
  'HTTPS does not take the one for HTTP',
  goesThrough,
  'https://r.example/',
  { HTTP_PROXY: 'p' },
  undefined,
);
test('small letters', goesThrough, 'https://r.example/', { https_proxy: 'small:1' }, 'small:1');
test('small letters win', goesThrough, 'https://r.example/', { ...all, https_proxy: 'small:1' }, 'small:1');
test(
  'small letters win also when empty',
  goesThrough,
  'https://r.example/',
  { ...all, https_proxy: '' },
  undefined,
);
test(
  'without a scheme',
  goesThrough,
  'https://r.example/',
  { HTTPS_PROXY: 'p.example:8080' },
  'p.example:8080',
);

for (const url of [
  'http://localhost:5000/',
  'https://127.0.0.1/',
  'http://127.9.9.9:1/',
  'http://[::1]:5000/',
])
  test('never for this machine', goesThrough, url, all, undefined);

const excepted = test.macro({
  exec(t, except: string, url: string, isExcepted: boolean) {
    const settings = readProxyVariables({ HTTPS_PROXY: 'p:1', HTTP_PROXY: 'p:1', NO_PROXY: except });
    t.is(proxyFor(new URL(url), settings) === undefined, isExcepted);
  },
  title: (_title, except: string, url: string, is: boolean) =>
    `NO_PROXY=${except}: ${url} ${is ? 'goes directly' : 'goes through'}`,
});

for (const [except, url, isExcepted] of [
  ['*', 'https://r.example/', true],
  ['r.example', 'https://r.example/', true],
  ['R.Example', 'https://r.example/', true],
  ['r.example', 'https://a.r.example/', true],
  ['r.example', 'https://bar.example/', false],
  ['r.example', 'https://xr.example/', false],
  ['.r.example', 'https://a.r.example/', true],
  ['.r.example', 'https://r.example/', false],
  ['*.r.example', 'https://a.r.example/', true],
  ['*.r.example', 'https://r.example/', false],
  ['a, r.example ,b', 'https://r.example/', true],
  ['r.example:5000', 'https://r.example:5000/', true],
  ['r.example:5000', 'https://r.example/', false],
  ['r.example:443', 'https://r.example/', true],
  ['r.example:80', 'http://r.example/', true],
  ['10.0.0.1', 'https://10.0.0.1/', true],
  ['10.0.0.1', 'https://10.0.0.10/', false],
  ['10.0.0.1:5000', 'https://10.0.0.1:5000/', true],
  ['10.0.0.1:5000', 'https://10.0.0.1/', false],
  ['10.0.0.0/8', 'https://10.200.3.4:5000/', true],
  ['10.0.0.0/8', 'https://11.0.0.1/', false],
  ['10.0.0.0/33', 'https://10.0.0.1/', false],
  ['0.0.0.0/0', 'https://r.example/', false],
  ['fd00::/8', 'https://[fd12:3456::1]/', true],
  ['fd00::/8', 'https://[fe80::1]/', false],
  ['[fd00::1]:5000', 'https://[fd00::1]:5000/', true],
  ['fd00:0:0::1', 'https://[fd00::1]/', true],
  ['', 'https://r.example/', false],
] as const)
  test(excepted, except, url, isExcepted);

test('the account of a proxy is sent to it, and in nothing that is shown', (t) => {
  const { https } = readProxyVariables({ HTTPS_PROXY: 'http://me:p%40ss%3Aw@proxy.example:3128' });
  const expected = Buffer.from('me:p@ss:w').toString('base64');
  t.deepEqual(https, {
    origin: 'http://proxy.example:3128',
    host: 'proxy.example:3128',
    authorization: `Basic ${expected}`,
  });
});

for (const value of ['socks5://me:secret@p.example:1080', 'http://me:secret@', 'http://:secret@p:99999'])
  test(`no proxy, and its password is not shown: ${value}`, (t) => {
    const error = t.throws(() => readProxyVariables({ HTTPS_PROXY: value }), { instanceOf: PackferryError });
    t.is(error.code, 'E_USAGE');
    t.regex(error.message, /HTTPS_PROXY/);
    t.false(`${error.message}${error.hint ?? ''}${String(error.cause)}`.includes('secret'));
  });
