#!/usr/bin/env node
import './check-node.js';
import process from 'node:process';

// Imported here, not above: only now is it known that this Node can read it, and it may not be there yet.
const { main } = await import('../dist/src/cli/main.js').catch((fault) => {
  if (fault?.code !== 'ERR_MODULE_NOT_FOUND') throw fault;
  process.stderr.write(`packferry is not built yet: run npm run build\n  ${fault.message}\n`);
  process.exit(1);
});

await main();
