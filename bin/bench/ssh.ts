// How fast packferry brings images to engines that only SSH reaches, side by side with `docker save | ssh | docker load`, and
// with `podman image scp` where the engines are Podman: npm run bench:ssh.
//
//   --scenarios TEXT,TEXT  only scenarios whose names hold one of these texts (fresh, known base, far away, eight hosts)
//   --rounds N             runs of every way, in turns; the medians are printed (default 3)
//   --images N             how many of the nine images (2 to 9; default 9)
//   --engine TEXT          the first engine whose name holds this text (default: the installed Docker)
//   --jobs N               passed on to packferry; its own default when absent
//   --ways TEXT,TEXT       beside packferry import, only ways whose names hold one of these texts; all when absent
//   --json                 print one JSON object with every run
//
// Needs root, sshd, ssh (with ssh-agent for `podman image scp`), and the engine; all traffic stays on 127.0.0.1. Takes some 4 GB of disk below the folder for
// temporary files, 10 GB with eight hosts, and gives them back.
import { availableParallelism, cpus } from 'node:os';
import process from 'node:process';
import { parseArgs } from 'node:util';
import { sshdNeeds } from '../../test/helpers/system-sshd.ts';
import { systemTools } from '../../test/helpers/system-tools.ts';
import { findProgram } from './export/tools.ts';
import { findEngines } from './import/engines.ts';
import { compare, type Compared } from './ssh/compare.ts';
import { withInputs } from './ssh/inputs.ts';
import { chooseScenarios } from './ssh/scenarios.ts';
import { sshTable, sshWords } from './ssh/table.ts';
import { waysOf } from './ssh/ways.ts';

const { values } = parseArgs({
  options: {
    scenarios: { type: 'string', default: '' },
    rounds: { type: 'string', default: '3' },
    images: { type: 'string', default: '9' },
    engine: { type: 'string', default: '' },
    jobs: { type: 'string' },
    ways: { type: 'string', default: '' },
    json: { type: 'boolean', default: false },
  },
});

function tell(line: string): void {
  process.stderr.write(`${line}\n`);
}

async function run(): Promise<void> {
  const rounds = Number(values.rounds);
  const images = Number(values.images);
  if (!(images >= 2 && images <= 9)) throw new Error('--images: 2 to 9');
  const missing = systemTools().missing(sshdNeeds);
  const kind = findEngines([values.engine], tell)[0];
  if (missing.length > 0 || kind === undefined) {
    tell(`nothing to measure: no engine of that name, or missing: ${missing.join(', ')}`);
    process.exitCode = 1;
    return;
  }
  const wanted = values.ways.split(',');
  const asked = waysOf(kind.product).filter(
    ({ name }, at) => at === 0 || wanted.some((part) => name.includes(part)),
  );
  const hasSsh = findProgram('ssh') !== undefined;
  if (!hasSsh) tell('left out: all ways but packferry (ssh is not installed)');
  const chosen = asked.filter(({ needsSsh }) => hasSsh || needsSsh !== true);

  await withInputs({ kind, images, jobs: values.jobs, tell }, async (inputs) => {
    const compared: Compared[] = [];
    for (const scenario of chooseScenarios(values.scenarios.split(',')))
      compared.push(await compare(scenario, { kind, inputs, ways: chosen, rounds, tell }));
    const machine = `${cpus()[0]?.model ?? 'unknown processor'}, ${availableParallelism()} cores, node ${process.version}`;
    if (values.json) {
      process.stdout.write(
        `${JSON.stringify({ machine, rounds, engine: kind.name, compared }, undefined, 2)}\n`,
      );
      return;
    }
    const content = `${images} images, ${(inputs.all.bytes / 1e6).toFixed(0)} MB, ${kind.name}`;
    const head = `${machine}, ${content}, medians of ${rounds}`;
    process.stdout.write(`${[head, '', sshTable(compared), '', ...sshWords(compared)].join('\n')}\n`);
  });
}

await run();
