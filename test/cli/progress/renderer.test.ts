import { noHome } from '../../../src/cli/context.ts';
import { thisProcess } from '../../../src/cli/this-process.ts';
import test, { type ExecutionContext } from 'ava';
import { makeRenderer, type Renderer } from '../../../src/cli/progress/renderer.ts';
import type { ProgressKind } from '../../../src/cli/progress/kinds.ts';
import { PackferryError } from '../../../src/core/errors.ts';
import type { Event } from '../../../src/core/events.ts';
import { MemoryInput, MemoryOutput } from '../../helpers/cli-run.ts';
import { testMachine } from '../../helpers/test-machine.ts';

interface Shown {
  readonly renderer: Renderer;
  readonly stderr: MemoryOutput;
}

interface ShowOptions {
  readonly isTTY?: boolean;
  readonly env?: Record<string, string>;
  readonly verbose?: boolean;
}

function show(kind: ProgressKind, { isTTY = false, env = {}, verbose }: ShowOptions = {}): Shown {
  const stderr = new MemoryOutput(isTTY);
  const renderer = makeRenderer(
    {
      stdin: new MemoryInput(),
      // Says nothing of stderr: each stream is asked for itself.
      stdout: new MemoryOutput(!isTTY),
      stderr,
      env,
      home: noHome,
      uid: undefined,
      machine: testMachine,
      owner: thisProcess,
      importerFile: '/nonexistent/packferry-linux-x64',
      tool: { name: 'packferry', version: '0' },
      now: new Date(0),
      signal: new AbortController().signal,
    },
    kind,
    verbose,
  );
  return { renderer, stderr };
}

const blob = (letter: string): string => `sha256:${letter.repeat(64)}`;

const events: readonly Event[] = [
  { type: 'note', level: 'info', message: 'scanned Packs' },
  { type: 'note', level: 'warning', message: 'odd \u001b[2J file' },
  { type: 'planned', task: 'pull', items: 3, bytes: 3 * 1024 * 1024 },
  { type: 'started', task: 'pull', item: blob('a'), bytes: 2 * 1024 * 1024 },
  { type: 'progress', task: 'pull', item: blob('a'), bytes: 1024 * 1024 },
  { type: 'done', task: 'pull', item: blob('a'), bytes: 2 * 1024 * 1024 },
  { type: 'skipped', task: 'pull', item: blob('b'), reason: 'already present', bytes: 512 * 1024 },
  { type: 'started', task: 'pull', item: blob('c'), bytes: 512 * 1024 },
  { type: 'failed', task: 'pull', item: blob('c'), error: new PackferryError('E_IO', 'broken') },
  { type: 'finished', task: 'pull' },
];

function play({ renderer }: Shown): void {
  for (const event of events) renderer.emit(event);
  renderer.stop();
}

test('plain: a line when a task starts and when an item ends', (t) => {
  const shown = show('plain');
  play(shown);
  t.deepEqual(shown.stderr.text.split('\n'), [
    'scanned Packs',
    'warning: odd \\u{1b}[2J file',
    'Pulling 3 blobs, 3.0 MiB',
    `failed blob ${'c'.repeat(12)} (E_IO)`,
    '',
  ]);
});

test('plain: where there are several targets, a line says which one', (t) => {
  const shown = show('plain', { isTTY: false });
  const about = { task: 'deliver', item: 'demisto/python3:3' } as const;
  shown.renderer.emit({ type: 'done', ...about, target: 'ssh://one', bytes: 10 });
  const error = new PackferryError('E_LOAD_FAILED', 'x');
  shown.renderer.emit({ type: 'failed', ...about, target: 'ssh://two', error });
  t.deepEqual(shown.stderr.text.split('\n'), [
    'loaded demisto/python3:3 to ssh://one (10 B)',
    'failed demisto/python3:3 to ssh://two (E_LOAD_FAILED)',
    '',
  ]);
});

test('plain, verbose: of every blob too, with its whole digest and what it is', (t) => {
  const shown = show('plain', { verbose: true });
  play(shown);
  shown.renderer.emit({
    type: 'done',
    task: 'pull',
    item: blob('d'),
    label: 'layer of demisto/python3:3.12',
    bytes: 1024,
  });
  t.deepEqual(shown.stderr.text.split('\n').slice(3), [
    `pulled blob ${blob('a')} (2.0 MiB)`,
    `skipped blob ${'b'.repeat(12)}: already present (512.0 KiB)`,
    `failed blob ${'c'.repeat(12)} (E_IO)`,
    `pulled blob ${blob('d')} (1.0 KiB), layer of demisto/python3:3.12`,
    '',
  ]);
});

const mib = 1024 * 1024;
const image = { type: 'image-complete', image: 'docker.io/demisto/python3:3.12', bytes: 44 * mib } as const;
const imageLine = test.macro({
  exec(t, event: Event, line: string) {
    const shown = show('plain');
    shown.renderer.emit(event);
    t.is(shown.stderr.text, `${line}\n`);
  },
  title: (what) => `plain, one line for an image: ${what}`,
});
test(
  'all of it fetched',
  imageLine,
  { ...image, fetched: 44 * mib, present: 0, shared: 0 },
  'pulled docker.io/demisto/python3:3.12 (44.0 MiB; 44.0 MiB fetched)',
);
test(
  'some of it there before, some shared',
  imageLine,
  { ...image, fetched: 12 * mib, present: 30 * mib, shared: 2 * mib },
  'pulled docker.io/demisto/python3:3.12 (44.0 MiB; 12.0 MiB fetched, 30.0 MiB already present, 2.0 MiB shared with images above)',
);
test(
  'nothing had to be fetched',
  imageLine,
  { ...image, fetched: 0, present: 44 * mib, shared: 0 },
  'skipped docker.io/demisto/python3:3.12: already present (44.0 MiB)',
);

test('json: every line is one event', (t) => {
  const shown = show('json');
  play(shown);
  const lines = shown.stderr.text.trimEnd().split('\n');
  const parsed = lines.map((line) => JSON.parse(line) as Event);
  t.deepEqual(
    parsed.map(({ type }) => type),
    events.map(({ type }) => type),
  );
  t.like(parsed[8], { error: { code: 'E_IO', message: 'broken' } });
});

test('none: warnings only', (t) => {
  const shown = show('none');
  play(shown);
  t.is(shown.stderr.text, 'warning: odd \\u{1b}[2J file\n');
});

function moves(text: string): boolean {
  return text.includes('\u001b[');
}

const chosen = test.macro({
  exec(t, kind: ProgressKind, isTTY: boolean, env: Record<string, string>, bars: boolean) {
    const shown = show(kind, { isTTY, env });
    play(shown);
    t.is(moves(shown.stderr.text), bars);
    t.true(shown.stderr.text.includes('failed blob cccccccccccc (E_IO)'));
  },
  title: (what) => `bars or lines: ${what}`,
});
test('bars on a terminal', chosen, 'auto', true, {}, true);
test('lines elsewhere, also when stdout is a terminal', chosen, 'auto', false, {}, false);
test('lines on a dumb terminal', chosen, 'auto', true, { TERM: 'dumb' }, false);
test('lines in a build', chosen, 'auto', true, { CI: 'true' }, false);
test('lines in a build that says so with a number', chosen, 'auto', true, { CI: '1' }, false);
test('bars when CI says that this is none', chosen, 'auto', true, { CI: 'false' }, true);
test('bars when they are asked for', chosen, 'tty', true, { CI: 'true' }, true);
test('lines when bars are asked for and there is no terminal', chosen, 'tty', false, {}, false);

/** Bars leave the terminal as it was: cursor visible, lines wrapped. */
function restored(t: ExecutionContext, text: string): void {
  t.true(text.lastIndexOf('\u001b[?25h') > text.lastIndexOf('\u001b[?25l'), 'the cursor is back');
  t.true(text.lastIndexOf('\u001b[?7h') > text.lastIndexOf('\u001b[?7l'), 'lines wrap again');
}

test('bars: a total appears, percentages do not fall, and the terminal is restored', (t) => {
  const shown = show('tty', { isTTY: true });
  play(shown);
  const { text } = shown.stderr;
  const percentages = [...text.matchAll(/([0-9]+)% Pulling/g)].map(([, number]) => Number(number));
  t.true(percentages.length > 1 && percentages.some((number) => number > 60), percentages.join(' '));
  t.deepEqual(
    percentages,
    [...percentages].sort((a, b) => a - b),
  );
  t.true(text.includes('skipped 1 blob (512.0 KiB): already present'));
  restored(t, text);
});

test('bars that are stopped half-way leave the terminal restored too, and start again for the next task', (t) => {
  const shown = show('tty', { isTTY: true });
  for (const event of events.slice(0, 5)) shown.renderer.emit(event);
  shown.renderer.stop();
  restored(t, shown.stderr.text);
  const before = shown.stderr.text.length;
  shown.renderer.emit({ type: 'planned', task: 'deliver', items: 1, bytes: 10 });
  shown.renderer.emit({
    type: 'skipped',
    task: 'deliver',
    item: 'image',
    reason: 'already present',
    bytes: 10,
  });
  shown.renderer.stop();
  t.true(shown.stderr.text.slice(before).includes('skipped image: already present'), shown.stderr.text);
  restored(t, shown.stderr.text);
});

test('bars: what starts once more keeps its bar, and one that is done has none', (t) => {
  const shown = show('tty', { isTTY: true });
  const started: Event = { type: 'started', task: 'pull', item: blob('a'), bytes: 100 };
  shown.renderer.emit({ type: 'planned', task: 'pull', items: 2, bytes: 200 });
  shown.renderer.emit(started);
  shown.renderer.emit(started);
  shown.renderer.emit({ type: 'done', task: 'pull', item: blob('a'), bytes: 100 });
  const before = shown.stderr.text.length;
  shown.renderer.emit({
    type: 'skipped',
    task: 'pull',
    item: blob('b'),
    reason: 'already present',
    bytes: 100,
  });
  shown.renderer.stop();
  t.false(shown.stderr.text.slice(before).includes('blob aaaaaaaaaaaa'));
});
