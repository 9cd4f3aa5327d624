import { readFile, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import type { Event } from '../../src/core/events.ts';
import { PackferryError } from '../../src/core/errors.ts';
import { jsonText } from '../../src/core/json-text.ts';
import { printErrors } from '../../src/cli/print-error.ts';
import { makeRenderer } from '../../src/cli/progress/renderer.ts';
import type { Context } from '../../src/cli/context.ts';
import { MemoryInput, MemoryOutput, runCli, type Ran } from '../helpers/cli-run.ts';
import { withSite, type Site } from '../helpers/cli-site.ts';
import { scripted } from '../helpers/registry-context.ts';
import { testMachine } from '../helpers/test-machine.ts';
import { writePack } from '../helpers/write-pack.ts';

/** Moves the cursor, colours, wipes the line, begins a new one, turns the direction, does the same in C1, hides. */
const hostile =
  '\u001b[2Jevil\u001b]0;title\u0007\rgood\nforged: line\u202egnp\u009b31m\u200b\u2028next\u007f';

/** What a terminal acts upon. Line feeds end our own lines; escapes of ours are taken out before. */
const dangerous = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u;

const safe = (text: string): boolean => !dangerous.test(text.replaceAll('\n', ''));

/** No line of ours begins with what the hostile name says. */
const isUnforged = (text: string): boolean => !/^(?:forged|next|good)/m.test(text);

const fail = (ran: Ran): string => JSON.stringify(`${ran.stdout}${ran.stderr}`);

async function shows(
  site: Site,
  args: readonly string[],
  env: Context['env'] = {},
): Promise<[string, Ran][]> {
  const ways = [[], ['--json'], ['--progress', 'json'], ['--verbose', '--debug']];
  const ran: [string, Ran][] = [];
  for (const way of ways)
    ran.push([way.join(' '), await runCli([...args, '--state', site.state, ...way], { env })]);
  return ran;
}

test('threat 23: every event, by every renderer', (t) => {
  const error = new PackferryError('E_IO', hostile, {
    hint: hostile,
    errors: [new PackferryError('E_IO', hostile)],
  });
  const [task, item, label] = ['pull', hostile, hostile] as const;
  const events: Event[] = [
    { type: 'planned', task, items: 3, bytes: 10 },
    { type: 'started', task, item, label, bytes: 5 },
    { type: 'progress', task, item, bytes: 2 },
    {
      type: 'waiting',
      what: hostile,
      reason: hostile,
      milliseconds: 60_000,
      until: '2099-01-01T00:00:00.000Z',
    },
    { type: 'skipped', task, item: `${item}2`, label, reason: hostile },
    { type: 'done', task, item, label, detail: hostile, bytes: 5 },
    { type: 'failed', task, item, label, error },
    { type: 'image-complete', image: hostile, bytes: 3, fetched: 1, present: 1, shared: 1 },
    { type: 'note', level: 'warning', message: hostile },
    { type: 'finished', task },
  ];
  for (const kind of ['plain', 'json', 'tty', 'none'] as const) {
    const stderr = new MemoryOutput(kind === 'tty');
    const context = contextWith(stderr);
    const renderer = makeRenderer(context, kind, true);
    for (const event of events) renderer.emit(event);
    renderer.stop();
    printErrors(context, [error], true);
    // What bars and colours of ours are made of: cursor, wiping, wrapping, red and bold.
    const text = stderr.text
      .replace(/\u001b\[(?:\??\d*[A-HJKhlm]|0;?0?[Hf]|31m|39m|1m|22m)/g, '')
      .replaceAll('\r', '');
    t.true(safe(text), `${kind}: ${JSON.stringify(stderr.text)}`);
    t.false(stderr.text.includes('\u001b[2J'), kind);
    t.true(isUnforged(text), `${kind}: ${text}`);
    t.true(text.includes('evil'), kind);
  }
});

function contextWith(stderr: MemoryOutput): Context {
  return {
    ...{
      stdin: new MemoryInput(),
      stdout: new MemoryOutput(),
      stderr,
      env: {},
      home: '/',
      uid: 1,
      machine: testMachine,
    },
    ...{ tool: { name: 'packferry', version: '0' }, importerFile: '/none', now: new Date() },
    owner: { pid: 1, isRunning: () => false },
    signal: new AbortController().signal,
  };
}

test('threat 23: names of packs, items and files, in plans and in findings', async (t) => {
  await withSite(async (site) => {
    const name = hostile.replace(/[\n\u007f/]/g, '');
    const pack = await writePack(site.at('Packs', name), ['demisto/python3:3.12.13.1', 'demisto/none:1']);
    await writeFile(
      path.join(pack, 'pack_metadata.json'),
      JSON.stringify({ name: hostile, currentVersion: hostile }),
    );
    for (const args of [
      ['plan', site.manifest],
      ['plan', site.manifest, '--tree'],
      ['usage', 'demisto/python3', pack],
      ['usage', hostile, pack],
      ['plan', site.at(hostile)],
    ]) {
      for (const way of [[], ['--json'], ['--progress', 'json'], ['--debug']]) {
        const ran = await runCli([...args, ...way]);
        t.true(safe(ran.stdout) && safe(ran.stderr), `${way.join(' ')} ${fail(ran)}`);
        t.true(isUnforged(ran.stdout) && isUnforged(ran.stderr), fail(ran));
      }
    }
  });
});

test('threat 23: words of a registry, and of an engine', async (t) => {
  await withSite(async (site) => {
    const server = await scripted(t, (_request, response) => {
      const errors = [{ code: 'DENIED\u001b[1m', message: hostile }];
      response
        .writeHead(403, { 'content-type': 'application/json' })
        .end(JSON.stringify({ errors, message: hostile }));
    });
    const manifest = await site.manifestFor('evil.yml', server.host);
    await runCli(site.exporting);
    const engine = [
      'import',
      site.bundle,
      '--trusted-keys',
      site.trusted,
      '--to',
      `docker:tcp://${server.host}`,
    ];
    for (const args of [['plan', manifest, '--retries', '0'], engine]) {
      for (const way of [[], ['--json'], ['--progress', 'json'], ['--debug']]) {
        const ran = await runCli([...args, ...way]);
        t.not(ran.status, 0);
        t.true(ran.stderr.includes('evil') || ran.stdout.includes('evil') || args === engine, fail(ran));
        t.true(safe(ran.stdout) && safe(ran.stderr), fail(ran));
        t.true(isUnforged(ran.stdout) && isUnforged(ran.stderr), fail(ran));
      }
    }
  });
});

test('threat 23: folders of bundles, files in them, principals and comments of keys', async (t) => {
  await withSite(async (site) => {
    await runCli(site.exporting);
    const dir = site.at(hostile.replaceAll('/', ''));
    await rename(site.bundle, dir);
    const line = await readFile(site.trusted, 'utf8');
    const signers = site.at('signers');
    await writeFile(
      signers,
      line.replace('builder', '"bui\u001b[31mlder\u202e"').trimEnd() + ` com\u001b[2Jment\u009b\n`,
    );
    for (const keys of [signers, site.trusted]) {
      for (const command of ['verify', 'inspect']) {
        for (const [way, ran] of await shows(site, [command, dir, '--trusted-keys', keys])) {
          t.true(safe(ran.stdout) && safe(ran.stderr), `${way} ${fail(ran)}`);
          t.true(isUnforged(ran.stdout) && isUnforged(ran.stderr), `${way} ${fail(ran)}`);
        }
      }
    }
    await writeFile(path.join(dir, hostile.replaceAll('/', '')), '');
    for (const [way, ran] of await shows(site, ['import', dir, '--trusted-keys', site.trusted])) {
      t.is(ran.status, 4, fail(ran));
      t.true(safe(ran.stdout) && safe(ran.stderr), `${way} ${fail(ran)}`);
    }
    // The receipts of all these runs, as files and as pages.
    const receipt = await readFile(path.join(site.state, 'receipts', 'receipt-000001.json'), 'utf8');
    t.true(safe(receipt), receipt);
    for (const args of [['show', '1'], ['show'], ['list'], ['verify']]) {
      const ran = await runCli(['receipt', ...args, '--state', site.state]);
      t.true(safe(ran.stdout) && safe(ran.stderr), fail(ran));
      t.true(isUnforged(ran.stdout) && isUnforged(ran.stderr), fail(ran));
    }
  });
});

test('threat 23: usage errors repeat what was typed, and it stays visible', async (t) => {
  for (const args of [
    [hostile],
    ['plan', `--${hostile}`],
    ['import', 'x', '--to', hostile],
    ['trust', hostile],
  ]) {
    const ran = await runCli(args);
    t.not(ran.status, 0);
    t.true(safe(ran.stdout) && safe(ran.stderr), fail(ran));
  }
});

test('threat 23: in JSON a reader gets the very same characters', (t) => {
  const value = { [hostile]: [hostile, '\u{e0041}'] };
  for (const indent of [undefined, 2]) {
    const text = jsonText(value, indent);
    t.true(safe(text), text);
    t.deepEqual(JSON.parse(text), value);
  }
});
