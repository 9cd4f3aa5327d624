#!/usr/bin/env node
import './check-node.js';
import { statSync } from 'node:fs';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { loadProgram } from './load-program.js';

// The command line in one file loads faster (bin/program.ts). Where the compiler has run since, it is an old one.
const fileOf = (name) => fileURLToPath(new URL(`../dist/${name}`, import.meta.url));
const timeOf = (name) => statSync(fileOf(name), { throwIfNoEntry: false })?.mtimeMs ?? 0;
const whole = 'program/cli/main.cjs';

// Imported here, not above: only now is it known that this Node can read it, and it may not be there yet.
const load = () => import('../dist/src/cli/main.js');
const { main } =
  timeOf(whole) > timeOf('.tsbuildinfo')
    ? loadProgram(fileOf(whole)).program
    : await load().catch((fault) => {
        if (fault?.code !== 'ERR_MODULE_NOT_FOUND') throw fault;
        process.stderr.write(`packferry is not built yet: run npm run build\n  ${fault.message}\n`);
        process.exit(1);
      });

await main();
