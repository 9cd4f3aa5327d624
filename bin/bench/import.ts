// How fast `packferry import` is, side by side with the engines' own loading: npm run bench:import.
//
//   --engines TEXT,TEXT   only engines whose names hold one of these texts; all that are on this machine when absent
//   --rounds N            runs of every way, in turns; the medians are printed (default 3)
//   --jobs N              passed on to packferry import; its own default when absent
//   --ways TEXT,TEXT      beside packferry import, only ways whose names hold one of these texts; all when absent
//   --json                print one JSON object
//
// Needs root; engines of a newer Debian come from `.ci/engines`. Takes some 6 GB of disk below the folder for temporary
// files, and gives them back.
import { availableParallelism, cpus } from 'node:os';
import process from 'node:process';
import { parseArgs } from 'node:util';
import { compare, type EngineResult } from './import/compare.ts';
import { findEngines } from './import/engines.ts';
import { withInputs } from './import/inputs.ts';
import { freshTable, laterTable } from './import/table.ts';
import { ways } from './import/ways.ts';

const { values } = parseArgs({
  options: {
    engines: { type: 'string', default: '' },
    rounds: { type: 'string', default: '3' },
    jobs: { type: 'string' },
    ways: { type: 'string', default: '' },
    json: { type: 'boolean', default: false },
  },
});

function tell(line: string): void {
  process.stderr.write(`${line}\n`);
}

const rounds = Number(values.rounds);
const engines = findEngines(values.engines.split(','), tell);
const wanted = values.ways.split(',');
const asked = ways.filter(({ name }, at) => at === 0 || wanted.some((part) => name.includes(part)));
const docker = findEngines([''], () => undefined).find(({ product }) => product === 'docker');
const saver = asked.some(({ needsSaves }) => needsSaves) ? docker : undefined;
const chosen = asked.filter(({ needsSaves }) => saver !== undefined || !needsSaves);
if (chosen.length < asked.length) tell('left out: archives of docker save (there is no docker to make them)');

await withInputs({ jobs: values.jobs, saver, tell }, async (inputs) => {
  const results: EngineResult[] = [];
  for (const kind of engines) results.push(await compare({ kind, inputs, ways: chosen, rounds, tell }));
  const machine = `${cpus()[0]?.model ?? 'unknown processor'}, ${availableParallelism()} cores, node ${process.version}`;
  if (values.json) {
    process.stdout.write(`${JSON.stringify({ machine, rounds, results }, undefined, 2)}\n`);
    return;
  }
  const content = `9 images, ${(inputs.nine.bytes / 1e6).toFixed(0)} MB`;
  const head = `${machine}, ${content}, medians of ${rounds}`;
  process.stdout.write(`${[head, '', freshTable(results), '', laterTable(results)].join('\n')}\n`);
});
