import test from 'ava';
import { PackferryError, type ErrorCode } from '../../src/core/errors.ts';
import type { ImageTarget } from '../../src/core/ports.ts';
import { openMeanwhile, type FoundTarget } from '../../src/flows/targets.ts';

const none = (): Promise<never> => Promise.reject(new Error('nothing is asked here'));

/** Targets that are opened as `open` says: with which try, from 1 on; and what was seen of it all, in order. */
function watched(
  urls: readonly string[],
  open: (url: string, time: number, isQuiet: boolean) => ErrorCode | undefined,
): { readonly found: FoundTarget[]; readonly seen: string[]; options: Parameters<typeof openMeanwhile>[2] } {
  const seen: string[] = [];
  const found = urls.map((url) => {
    let time = 0;
    const opening = (_signal: AbortSignal, isQuiet = false): Promise<ImageTarget> => {
      time += 1;
      const code = open(url, time, isQuiet);
      seen.push(code === undefined ? `open ${url}` : `refused ${url}`);
      if (code !== undefined) return Promise.reject(new PackferryError(code, `${url} is off`));
      const close = (): Promise<void> => Promise.resolve(void seen.push(`close ${url}`));
      return Promise.resolve({ name: url, survey: none, deliver: none, confirm: none, close });
    };
    return Object.assign(opening, { url, isOverSsh: url.startsWith('ssh:') });
  });
  const { signal } = new AbortController();
  const onTrouble = (target: string, { code }: PackferryError, isTriedAgain: boolean): void => {
    seen.push(`${code} ${target}${isTriedAgain ? ', again later' : ''}`);
  };
  return { found, seen, options: { signal, onTrouble } };
}

/** Work that lasts until everything else that can happen has happened. */
function work(seen: string[], fault?: Error): () => Promise<string> {
  return async () => {
    await new Promise((resolve) => setImmediate(resolve));
    seen.push('worked');
    if (fault !== undefined) throw fault;
    return 'done';
  };
}

test('an engine that is off is told before the work is done, and used when it was started meanwhile', async (t) => {
  const { found, seen, options } = watched(['docker:'], (_url, time) =>
    time === 1 ? 'E_ENGINE_UNREACHABLE' : undefined,
  );
  const { done, targets } = await openMeanwhile(found, work(seen), options);
  t.is(done, 'done');
  t.deepEqual(
    targets.map(({ name }) => name),
    ['docker:'],
  );
  t.deepEqual(seen, [
    'refused docker:',
    'E_ENGINE_UNREACHABLE docker:, again later',
    'worked',
    'open docker:',
  ]);
});

test('an engine that stays off is the error once the work is done', async (t) => {
  const { found, seen, options } = watched(['docker:'], () => 'E_ENGINE_UNREACHABLE');
  await t.throwsAsync(openMeanwhile(found, work(seen), options), { code: 'E_ENGINE_UNREACHABLE' });
  t.deepEqual(seen.slice(2), ['worked', 'refused docker:']);
});

test('what the work finds counts more than an engine that is off, which is not asked again', async (t) => {
  const { found, seen, options } = watched(['docker:'], () => 'E_ENGINE_UNREACHABLE');
  const fault = new PackferryError('E_DIGEST_MISMATCH', 'damaged');
  await t.throwsAsync(openMeanwhile(found, work(seen, fault), options), { is: fault });
  t.deepEqual(seen, ['refused docker:', 'E_ENGINE_UNREACHABLE docker:, again later', 'worked']);
});

test('nobody is connected to before it may be, nor when the work has failed by then', async (t) => {
  let judged: () => void = () => undefined;
  const after = new Promise<void>((resolve) => (judged = resolve));
  const { found, seen, options } = watched(['docker:', 'ssh://a'], () => undefined);
  const judging = async (): Promise<string> => {
    await new Promise((resolve) => setImmediate(resolve));
    seen.push('judged');
    judged();
    return work(seen)();
  };
  await openMeanwhile(found, judging, { ...options, after });
  t.is(seen[0], 'judged');
  t.deepEqual(seen.slice(1).sort(), ['open docker:', 'open ssh://a', 'worked']);

  const never = new Promise<void>(() => undefined);
  const other = watched(['docker:', 'ssh://a'], () => undefined);
  const fault = new PackferryError('E_SIGNATURE_INVALID', 'of something else');
  await t.throwsAsync(
    openMeanwhile(other.found, work(other.seen, fault), { ...other.options, after: never }),
    {
      is: fault,
    },
  );
  t.deepEqual(other.seen, ['worked']);
});

test('what was opened while the work failed is closed', async (t) => {
  const { found, seen, options } = watched(['docker:', 'ssh://a'], () => undefined);
  const fault = new PackferryError('E_DIGEST_MISMATCH', 'damaged');
  await t.throwsAsync(openMeanwhile(found, work(seen, fault), options), { is: fault });
  t.deepEqual(seen.slice(-2).sort(), ['close docker:', 'close ssh://a']);
});

test('a host that is out of reach is told early and tried once; one that wants a password is asked after the work', async (t) => {
  const { found, seen, options } = watched(['ssh://off', 'ssh://asks'], (url, _time, isQuiet) => {
    if (url === 'ssh://off') return 'E_SSH_UNREACHABLE';
    return isQuiet ? 'E_SSH_AUTH' : undefined;
  });
  const { targets } = await openMeanwhile(found, work(seen), options);
  t.deepEqual(seen, [
    'refused ssh://off',
    'refused ssh://asks',
    'E_SSH_UNREACHABLE ssh://off',
    'worked',
    'open ssh://asks',
  ]);
  const [off] = targets;
  await t.throwsAsync(async () => off?.survey([]), { code: 'E_SSH_UNREACHABLE' });
});
