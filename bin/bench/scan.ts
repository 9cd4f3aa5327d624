// How fast are content packs scanned, and in how much memory? Writes a tree of YAML files as real content has them,
// scans it in processes of their own, and prints the median. `--files N`, `--runs N`.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import process from 'node:process';
import { parseArgs } from 'node:util';
import { scanPacks } from '../../src/pack/scan.ts';
import { writeTree } from './write-tree.ts';

const { values } = parseArgs({
  options: {
    files: { type: 'string', default: '10000' },
    runs: { type: 'string', default: '5' },
    scan: { type: 'string' },
  },
});

interface Run {
  readonly files: number;
  readonly uses: number;
  readonly seconds: number;
  readonly cpuSeconds: number;
  readonly peakBytes: number;
}

async function scanOnce(folder: string): Promise<Run> {
  const start = performance.now();
  const { files, uses } = await scanPacks([folder], { defaultImages: true, testPlaybooks: false });
  const seconds = (performance.now() - start) / 1000;
  const { userCPUTime, systemCPUTime, maxRSS } = process.resourceUsage();
  const cpuSeconds = (userCPUTime + systemCPUTime) / 1e6;
  return { files, uses: uses.length, seconds, cpuSeconds, peakBytes: maxRSS * 1024 };
}

function median(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? NaN;
}

function measure(): void {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'packferry-bench-'));
  try {
    const tree = writeTree(folder, Number(values.files));
    const args = [import.meta.filename, '--scan', folder];
    const runs = Array.from(
      { length: Number(values.runs) },
      () => JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8' })) as Run,
    );
    const [first] = runs;
    const seconds = median(runs.map((run) => run.seconds));
    const cpuSeconds = median(runs.map((run) => run.cpuSeconds));
    const peak = median(runs.map((run) => run.peakBytes));
    console.log(`npm run bench:scan -- --files ${values.files} --runs ${values.runs}`);
    console.log(`node ${process.version}, ${os.cpus()[0]?.model ?? ''}, ${os.availableParallelism()} cores`);
    console.log(
      `${first?.files ?? 0} yml files, ${(tree.bytes / 1e6).toFixed(0)} MB, ${first?.uses ?? 0} image uses`,
    );
    console.log(
      `median of ${runs.length} runs: ${seconds.toFixed(2)} s, ${((first?.files ?? 0) / seconds).toFixed(0)} files/s`,
    );
    console.log(`processor time of the whole process: ${cpuSeconds.toFixed(2)} s`);
    console.log(`peak memory (RSS): ${(peak / 1e6).toFixed(0)} MB`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

if (values.scan === undefined) measure();
else console.log(JSON.stringify(await scanOnce(values.scan)));
