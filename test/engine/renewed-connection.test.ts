import { PassThrough, type Duplex } from 'node:stream';
import test from 'ava';
import { PackferryError, type ErrorCode } from '../../src/core/errors.ts';
import { connectionBroke } from '../../src/engine/broken-way.ts';
import type { StreamConnection } from '../../src/engine/docker-connection.ts';
import { renewed } from '../../src/engine/renewed-connection.ts';
import { Answers } from '../../src/engine/ssh-answers.ts';

/** Connections that are lost when the test says so. */
class Host {
  opened = 0;
  readonly closed: number[] = [];
  #lost = new Set<number>();

  readonly open = (): Promise<StreamConnection> => {
    this.opened += 1;
    const number = this.opened;
    const connect = (): Promise<Duplex> =>
      this.#lost.has(number)
        ? Promise.reject(new PackferryError('E_SSH_UNREACHABLE', 'lost'))
        : Promise.resolve(new PassThrough());
    const close = (): void => void this.closed.push(number);
    return Promise.resolve({ name: 'ssh://host', kind: 'stream', connect, close });
  };

  lose(): void {
    this.#lost.add(this.opened);
  }
}

test('several who ask after the loss share one new connection, and the lost one is closed', async (t) => {
  const host = new Host();
  let renewals = 0;
  const connection = renewed(await host.open(), host.open, () => (renewals += 1));
  await connection.connect();
  t.is(host.opened, 1);
  host.lose();
  await Promise.all([connection.connect(), connection.connect(), connection.connect()]);
  t.is(host.opened, 2);
  t.is(renewals, 1);
  t.deepEqual(host.closed, [1]);
  host.lose();
  await connection.connect();
  t.is(host.opened, 3);
  connection.close?.();
  t.deepEqual(host.closed, [1, 2, 3]);
});

test('what was closed stays closed', async (t) => {
  const host = new Host();
  const connection = renewed(await host.open(), host.open, () => undefined);
  connection.close?.();
  host.lose();
  await t.throwsAsync(connection.connect(), { code: 'E_SSH_UNREACHABLE' });
  t.is(host.opened, 1);
});

test('a host that shows another key when it is asked again is told as that', async (t) => {
  const host = new Host();
  const refuse = (): Promise<never> =>
    Promise.reject(new PackferryError('E_HOST_KEY_CHANGED', 'another key'));
  const connection = renewed(await host.open(), refuse, () => undefined);
  host.lose();
  await t.throwsAsync(connection.connect(), { code: 'E_HOST_KEY_CHANGED' });
});

test('a password is asked for once, a wrong one and a code for one time again', async (t) => {
  const asked: string[] = [];
  const answers = new Answers(({ text }) => {
    asked.push(text);
    return Promise.resolve(`answer ${asked.length}`);
  });
  const password = { kind: 'password', text: 'Password of root', isShown: false } as const;
  const code = { kind: 'answer', text: 'Code', isShown: true } as const;
  answers.begin();
  t.is(await answers.ask(password), 'answer 1');
  t.is(await answers.ask(password), 'answer 2', 'the host did not take the first');
  await answers.ask(code);
  answers.begin();
  t.is(await answers.ask(password), 'answer 2');
  t.is(await answers.ask(code), 'answer 4');
  t.is(await answers.ask(password), 'answer 5', 'it does not take that any more');
});

const system = (code: string): Error => Object.assign(new Error(code), { code });
const fault = (code: ErrorCode, cause?: Error): PackferryError =>
  new PackferryError(code, 'x', { cause }).with('image: x');

test('a connection that broke is told from an engine that refuses or hangs', (t) => {
  t.true(connectionBroke(fault('E_SSH_UNREACHABLE')));
  t.true(connectionBroke(fault('E_ENGINE_UNREACHABLE', system('ECONNREFUSED'))));
  t.true(connectionBroke(fault('E_LOAD_FAILED', system('EPIPE'))));
  t.false(connectionBroke(fault('E_LOAD_FAILED')));
  t.false(connectionBroke(fault('E_ENGINE_UNREACHABLE')), 'no answer in time');
  t.false(connectionBroke(fault('E_ENGINE_UNREACHABLE', system('ENOENT'))));
  for (const code of ['E_HOST_KEY_CHANGED', 'E_SSH_AUTH', 'E_TARGET_FULL'] as const)
    t.false(connectionBroke(fault(code, system('ECONNRESET'))));
});
