// Feeds damaged input to every parser of what comes from outside: npm run fuzz -- --help
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import process from 'node:process';
import { parseArgs } from 'node:util';
import { judge, type Finding } from '../test/fuzz/run-target.ts';
import { inputOf, type Target } from '../test/fuzz/target.ts';
import { targetNamed, targets } from '../test/fuzz/targets/all.ts';
import { runWatched } from '../test/fuzz/watch.ts';

const help = `Feeds damaged input to every parser of what comes from outside, until a parser crashes, hangs, takes
too much memory, throws what it should not, or accepts what it does not give back.

  npm run fuzz                                  all targets in turn, until Ctrl-C
  npm run fuzz -- --seconds 600                 the same for ten minutes
  npm run fuzz -- --target core/json            this one only; may be repeated
  npm run fuzz -- --target core/json --seed 17 --runs 1      the very run that a finding names
  npm run fuzz -- --target core/json --input FILE            one input out of a file
  npm run fuzz -- --fixed                       each target's runs of the test suite
  npm run fuzz -- --list                        the names of the targets

A run of more than --patience seconds (default: 60) hangs. The first run of all has the number of --seed (default: by the clock), the next one the next number; the number decides
on the input. What is found is saved in --out (default: fuzz-findings).
`;

/** Milliseconds that a target has before it is the next one's turn. */
const turn = 10_000;

const { values } = parseArgs({
  options: {
    target: { type: 'string', multiple: true },
    seed: { type: 'string' },
    runs: { type: 'string' },
    seconds: { type: 'string' },
    input: { type: 'string' },
    out: { type: 'string', default: 'fuzz-findings' },
    // Much more than what is called slow: the machine may be busy with other things.
    patience: { type: 'string', default: '60' },
    fixed: { type: 'boolean', default: false },
    list: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
const chosen = values.target?.map(targetNamed) ?? targets;
let found = 0;

/** Says what was found, keeps the input, and tells how to have it again. */
async function report(target: Target, { run, what }: Finding): Promise<void> {
  found += 1;
  const { input } = inputOf(target, await target.valid(), run);
  await mkdir(values.out, { recursive: true });
  const file = path.join(values.out, `${target.name.replaceAll('/', '-')}-${run}`);
  await writeFile(file, input);
  console.log(`FOUND ${target.name}, seed ${run}: ${what}`);
  console.log(`  input   ${file} (${input.length} bytes)`);
  console.log(`  again   npm run fuzz -- --target ${target.name} --seed ${run} --runs 1`);
  console.log(`          npm run fuzz -- --target ${target.name} --input ${file}`);
}

async function fuzz(target: Target, from: number, runs: number, until: number): Promise<number> {
  const started = Date.now();
  const tally = await runWatched({ name: target.name, from, runs, until }, Number(values.patience) * 1000);
  for (const finding of tally.findings) await report(target, finding);
  const rate = Math.round((tally.runs * 1000) / Math.max(1, Date.now() - started));
  const { accepted, refused, slowest } = tally;
  console.log(
    `${target.name}: ${tally.runs} runs from seed ${from}: ${accepted} accepted, ${refused} refused, ${tally.findings.length} found; ${rate}/s, slowest ${slowest} ms`,
  );
  return tally.runs;
}

async function tryInput(target: Target, file: string): Promise<void> {
  const folder = await mkdtemp(path.join(tmpdir(), 'packferry-fuzz-'));
  try {
    const outcome = await judge(target, await readFile(file), folder);
    console.log('fault' in outcome ? `FOUND ${outcome.fault}` : outcome.message);
    if ('fault' in outcome) found += 1;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function fuzzAll(): Promise<void> {
  const runs = values.runs === undefined ? Infinity : Number(values.runs);
  const until = values.seconds === undefined ? Infinity : Date.now() + Number(values.seconds) * 1000;
  let from = values.seed === undefined ? Date.now() % 2 ** 31 : Number(values.seed);
  if (values.fixed) {
    for (const target of chosen) await fuzz(target, 1, target.runs ?? 200, Infinity);
    return;
  }
  while (Date.now() < until) {
    let most = 0;
    for (const target of chosen) {
      const end = runs === Infinity ? Math.min(until, Date.now() + turn) : until;
      most = Math.max(most, await fuzz(target, from, runs, end));
    }
    if (runs !== Infinity) return;
    from += Math.max(1, most);
  }
}

if (values.help) console.log(help);
else if (values.list) console.log(targets.map(({ name }) => name).join('\n'));
else if (values.input !== undefined) for (const target of chosen) await tryInput(target, values.input);
else await fuzzAll();
process.exitCode = found === 0 ? 0 : 1;
