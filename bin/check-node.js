// To be imported before anything else: says so where Node is too old, instead of failing somewhere else later. Uses
// nothing that an older Node lacks.
import process from 'node:process';

const [major, minor] = process.versions.node.split('.').map(Number);
if (major < 20 || (major === 20 && minor < 19)) {
  process.stderr.write(`packferry needs Node 20.19 or later; this is ${process.versions.node}.\n`);
  process.exit(2);
}
