import { execFile } from 'node:child_process';
import path from 'node:path';
import process from 'node:process';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import test from 'ava';

const source = pathToFileURL(path.resolve(import.meta.dirname, '../../src/cli/young-space.js')).href;

/** Makes objects that stay for a while, and prints how large the space for young ones became (bytes). */
const work = `
const { getHeapSpaceStatistics } = await import('node:v8');
const kept = [];
for (let at = 0; at < 1_500_000; at += 1) kept[at % 300_000] = { at };
console.log(getHeapSpaceStatistics().find(({ space_name: name }) => name === 'new_space').space_size);
`;

/** The flags of V8 are those of a whole process, so each measures in one of its own. */
async function youngSpace(before: string): Promise<number> {
  const args = ['--input-type=module', '--eval', `${before}${work}`];
  return Number((await promisify(execFile)(process.execPath, args)).stdout);
}

test('the space for young objects does not grow, also after a thread has started', async (t) => {
  const small = `const { keepYoungSpaceSmall } = await import(${JSON.stringify(source)}); keepYoungSpaceSmall();`;
  const thread = `
const { once } = await import('node:events');
const { Worker } = await import('node:worker_threads');
await once(new Worker('', { eval: true }), 'exit');
`;
  // Without it all that follows would prove nothing.
  t.true((await youngSpace('')) > 16 * 1024 * 1024);
  t.true((await youngSpace(small)) < 8 * 1024 * 1024);
  t.true((await youngSpace(`${small}${thread}`)) < 8 * 1024 * 1024);
});
