import { mock } from 'node:test';
import test from 'ava';
import { barRenderer, type BarOptions } from '../../../src/cli/progress/bars.ts';
import type { Renderer } from '../../../src/cli/progress/renderer.ts';
import type { Event } from '../../../src/core/events.ts';
import { ScreenOutput } from '../../helpers/cli-screen.ts';

const mib = 1024 * 1024;

interface Shown extends Renderer {
  readonly screen: ScreenOutput;
  /** Lets time go by, in milliseconds. */
  readonly pass: (milliseconds: number) => void;
}

/** Runs with a terminal and a clock that stands still. */
function withBars(
  { columns = 80, rows = 24, ...options }: Partial<BarOptions> & { columns?: number; rows?: number },
  use: (shown: Shown) => void,
): void {
  mock.timers.enable({ apis: ['setInterval', 'setTimeout', 'Date'] });
  const screen = new ScreenOutput(columns, rows);
  const renderer = barRenderer(screen, { ascii: true, blobs: false, ...options });
  try {
    use({
      ...renderer,
      screen,
      pass: (milliseconds) => {
        mock.timers.tick(milliseconds);
      },
    });
  } finally {
    renderer.stop();
    mock.timers.reset();
  }
}

const blob = (letter: string): string => `sha256:${letter.repeat(64)}`;

/** Layers of 1, 2, 3 ... MiB, all of them started, all of them half there. */
function startLayers(emit: (event: Event) => void, letters: string): void {
  const sizes = Array.from(letters, (_, at) => (at + 1) * mib);
  emit({
    type: 'planned',
    task: 'pull',
    items: sizes.length,
    bytes: sizes.reduce((sum, size) => sum + size, 0),
  });
  Array.from(letters).forEach((letter, at) => {
    const bytes = sizes[at] ?? 0;
    const item = blob(letter);
    emit({ type: 'started', task: 'pull', item, label: `layer of demisto/image-${letter}:1.0.0.1`, bytes });
    emit({ type: 'progress', task: 'pull', item, bytes: bytes / 2 });
  });
}

test.serial('the largest come first, the total stands last, and each line says what it is', (t) => {
  withBars({}, ({ emit, screen, pass }) => {
    startLayers(emit, 'abc');
    pass(2000);
    t.deepEqual(screen.lines, [
      ' ######------  50%    3.0 MiB  layer of demisto/image-c:1.0.0.1',
      ' ######------  50%    2.0 MiB  layer of demisto/image-b:1.0.0.1',
      ' ######------  50%    1.0 MiB  layer of demisto/image-a:1.0.0.1',
      ' ######------  50% Pulling 3.0 MiB of 6.0 MiB, 1.5 MiB/s, 2s left',
    ]);
    emit({ type: 'done', task: 'pull', item: blob('c'), bytes: 3 * mib });
    emit({ type: 'done', task: 'pull', item: blob('b'), bytes: 2 * mib });
    pass(125);
    t.deepEqual(
      screen.lines.map((line) => line.slice(14, 31).trim()),
      ['50%    1.0 MiB', '91% Pulling 5.5'],
    );
    emit({ type: 'done', task: 'pull', item: blob('a'), bytes: mib });
    pass(125);
    t.true(
      screen.lines[0]?.startsWith(' ############ 100% Pulling 6.0 MiB of 6.0 MiB'),
      screen.lines.join('\n'),
    );
    emit({ type: 'finished', task: 'pull' });
    t.deepEqual(screen.lines, []);
    t.false(screen.hidesCursor);
    t.true(screen.wraps);
  });
});

test.serial('a stalled download shows a rate that falls', (t) => {
  withBars({}, ({ emit, screen, pass }) => {
    startLayers(emit, 'ab');
    const rates = [2000, 3000, 4000, 4000].map((milliseconds) => {
      pass(milliseconds);
      return /, ([^,]*)\/s,/.exec(screen.lines.at(-1) ?? '')?.[1];
    });
    t.deepEqual(rates, ['768.0 KiB', '307.2 KiB', '170.7 KiB', '0 B']);
  });
});

const fits = test.macro({
  exec(t, columns: number, rows: number, most: number) {
    withBars({ columns, rows, ascii: false }, ({ emit, screen, pass }) => {
      startLayers(emit, 'abcdef0123456789abcdef0123456789'.slice(0, 16));
      pass(1000);
      t.is(screen.lines.length, most);
      for (const line of screen.lines) t.true(line.length < columns, `${line.length}: ${line}`);
      const total = screen.lines.at(-1) ?? '';
      t.regex(total, /50% Pulling .*MiB\/s, 1s left$/);
      if (most > 1) t.regex(screen.lines[0] ?? '', /50% +16\.0 MiB +layer of demisto/);
    });
  },
  title: (_, columns: number, rows: number) => `fits a terminal of ${columns} by ${rows}`,
});
test.serial(fits, 200, 50, 17);
test.serial(fits, 80, 24, 13);
test.serial(fits, 60, 24, 13);
test.serial(fits, 50, 10, 6);
test.serial(fits, 40, 24, 13);
test.serial(fits, 80, 6, 2);
test.serial(fits, 80, 5, 1);
test.serial(fits, 40, 5, 1);
test.serial(fits, 80, 2, 1);

test.serial('a terminal of which nobody knows the size is taken for one of 80 by 24', (t) => {
  withBars({}, ({ emit, screen, pass }) => {
    [screen.columns, screen.rows] = [0, 0];
    startLayers(emit, '0123456789abcdef');
    pass(1000);
    t.true(screen.writes.at(-1)?.includes('Pulling 68.0 MiB of 136.0 MiB'), screen.writes.at(-1));
  });
});

test.serial('the size is asked for anew: bars follow the window', (t) => {
  withBars({ columns: 100 }, ({ emit, screen, pass }) => {
    startLayers(emit, 'abcd');
    pass(1000);
    t.is(screen.lines.length, 5);
    screen.columns = 50;
    screen.rows = 7;
    pass(125);
    t.is(screen.lines.length, 3);
    for (const line of screen.lines) t.true(line.length < 50, line);
    screen.rows = 5;
    pass(125);
    t.is(screen.lines.length, 1);
    screen.columns = 100;
    screen.rows = 30;
    pass(125);
    t.is(screen.lines.length, 5);
  });
});

test.serial('nothing flickers: a frame is one write, and none when nothing has changed', (t) => {
  withBars({}, ({ emit, screen, pass }) => {
    startLayers(emit, 'abc');
    pass(1000);
    const before = screen.writes.length;
    emit({ type: 'progress', task: 'pull', item: blob('a'), bytes: 0.75 * mib });
    emit({ type: 'done', task: 'pull', item: blob('c'), bytes: 3 * mib });
    emit({ type: 'note', level: 'warning', message: 'odd file' });
    t.is(screen.writes.length, before);
    pass(125);
    t.is(screen.writes.length, before + 1);
    pass(60_000);
    const still = screen.writes.length;
    pass(60_000);
    t.is(screen.writes.length, still);
  });
});

test.serial('small blobs that are done at once get no bar', (t) => {
  withBars({}, ({ emit, screen, pass }) => {
    emit({ type: 'planned', task: 'pull', items: 2, bytes: 2000 });
    pass(1000);
    emit({ type: 'started', task: 'pull', item: blob('a'), bytes: 1000 });
    pass(125);
    t.is(screen.lines.length, 1);
    emit({ type: 'done', task: 'pull', item: blob('a'), bytes: 1000 });
    pass(125);
    t.is(screen.lines.length, 1);
    t.false(screen.text.includes('blob'));
  });
});

test.serial('what is said stands above the bars, whole, however long it is', (t) => {
  withBars({ columns: 50 }, ({ emit, screen, pass }) => {
    startLayers(emit, 'ab');
    pass(1000);
    emit({ type: 'note', level: 'warning', message: 'long '.repeat(20) });
    pass(125);
    const said = screen.lines.slice(0, -3).join('');
    t.is(said.match(/long/g)?.length, 20);
    t.deepEqual(
      screen.lines.slice(-3).map((line) => line.includes('50%')),
      [true, true, true],
    );
    for (let time = 0; time < 3; time += 1) {
      emit({ type: 'note', level: 'warning', message: 'the same' });
      pass(125);
    }
    emit({ type: 'finished', task: 'pull' });
    t.is(screen.lines.join(''), `${said}${'warning: the same'.repeat(3)}`);
  });
});

test.serial('a wait counts down and vanishes when it goes on', (t) => {
  withBars({}, ({ emit, screen, pass }) => {
    startLayers(emit, 'a');
    emit({
      type: 'waiting',
      what: 'registry.example',
      reason: 'too many requests\u001b[2J',
      milliseconds: 30_000,
      until: new Date(Date.now() + 30_000).toISOString(),
    });
    const shown = [1000, 9000, 19_000, 1000].map((milliseconds) => {
      pass(milliseconds);
      return screen.lines[0];
    });
    const why = 'registry.example: too many requests\\u{1b}[2J';
    t.deepEqual(shown.slice(0, 3), [` waiting 29s: ${why}`, ` waiting 20s: ${why}`, ` waiting 1s: ${why}`]);
    t.true(shown[3]?.includes('layer of demisto/image-a'), shown[3]);
    t.is(screen.lines.length, 2);
  });
});

test.serial('a wait is shown also while nothing is planned, and takes nothing with it when it ends', (t) => {
  withBars({}, ({ emit, screen, pass }) => {
    emit({ type: 'note', level: 'info', message: 'said before' });
    const until = new Date(Date.now() + 5000).toISOString();
    emit({ type: 'waiting', what: 'registry.example', reason: 'busy', milliseconds: 5000, until });
    emit({ type: 'waiting', what: 'other.example', reason: 'busy', milliseconds: 4000, until });
    pass(1000);
    t.deepEqual(screen.lines, ['said before', ' waiting 4s (and 1 more): registry.example: busy']);
    pass(5000);
    t.deepEqual(screen.lines, ['said before']);
    t.false(screen.hidesCursor);
  });
});

test.serial('what nobody planned is shown with what has come of it', (t) => {
  withBars({}, ({ emit, screen, pass }) => {
    emit({ type: 'started', task: 'pull', item: 'index.json' });
    emit({ type: 'progress', task: 'pull', item: 'index.json', bytes: 3 * mib });
    pass(1000);
    t.deepEqual(screen.lines, [' 3.0 MiB  index.json']);
    emit({ type: 'done', task: 'pull', item: 'index.json', bytes: 4 * mib });
    pass(125);
    t.deepEqual(screen.lines, []);
  });
});

test.serial('verbose: blobs and images are told above the bars', (t) => {
  withBars({ blobs: true, columns: 120 }, ({ emit, screen, pass }) => {
    startLayers(emit, 'ab');
    emit({ type: 'done', task: 'pull', item: blob('a'), bytes: mib });
    emit({ type: 'image-complete', image: 'x/y:1', bytes: mib, fetched: mib, present: 0, shared: 0 });
    pass(1000);
    t.deepEqual(screen.lines.slice(0, 2), [
      `pulled blob ${blob('a')} (1.0 MiB)`,
      'pulled x/y:1 (1.0 MiB; 1.0 MiB fetched)',
    ]);
  });
});

test.serial('bars have no colours and, where block characters may be missing, none of those', (t) => {
  withBars({ ascii: true }, ({ emit, screen, pass }) => {
    startLayers(emit, 'abc');
    pass(1000);
    t.false(/\u001b\[[0-9;]*m/.test(screen.text));
    t.regex(screen.text, /^[\u0000-\u007f]*$/);
  });
});
