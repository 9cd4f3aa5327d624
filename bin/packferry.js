#!/usr/bin/env node
import './check-node.js';
import { statSync } from 'node:fs';
import process from 'node:process';

// The command line in few files loads faster (bin/program.ts). Where the compiler has run since, it is an old one.
const timeOf = (name) =>
  statSync(new URL(`../dist/${name}`, import.meta.url), { throwIfNoEntry: false })?.mtimeMs ?? 0;
const folder = timeOf('program/cli/main.js') > timeOf('.tsbuildinfo') ? 'program' : 'src';

// Imported here, not above: only now is it known that this Node can read it, and it may not be there yet.
const { main } = await import(`../dist/${folder}/cli/main.js`).catch((fault) => {
  if (fault?.code !== 'ERR_MODULE_NOT_FOUND') throw fault;
  process.stderr.write(`packferry is not built yet: run npm run build\n  ${fault.message}\n`);
  process.exit(1);
});

await main();
