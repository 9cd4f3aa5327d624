import test from 'ava';
import { makeProgram } from '../../../src/cli/program.ts';
import { noHome, type Context } from '../../../src/cli/context.ts';
import { thisProcess } from '../../../src/cli/this-process.ts';
import { MemoryInput, MemoryOutput } from '../../helpers/cli-run.ts';
import { testMachine } from '../../helpers/test-machine.ts';

const context: Context = {
  stdin: new MemoryInput(),
  stdout: new MemoryOutput(),
  stderr: new MemoryOutput(),
  env: {},
  home: noHome,
  uid: undefined,
  tool: { name: 'packferry', version: '0.0.0-test' },
  importerFile: '/nonexistent',
  machine: testMachine,
  owner: thisProcess,
  now: new Date(0),
  signal: new AbortController().signal,
};

/** Hints of the network name these; a diagnosis asks once, and nobody sets its patience. */
const named = ['--authfile', '--ca-file', '--plain-http'];
const patience = ['--retries', '--max-wait', '--timeout'];

test('every command that asks registries takes every option that hints may name', (t) => {
  const { commands } = makeProgram(context, () => undefined);
  const asking = commands.filter(({ options }) => options.some(({ long }) => long === '--ca-file'));
  t.deepEqual(
    asking.map((command) => command.name()),
    ['plan', 'lock', 'export', 'outdated', 'update', 'login', 'import', 'copy', 'build', 'doctor'],
  );
  for (const command of asking) {
    const options = command.options.map(({ long }) => long);
    const expected = command.name() === 'doctor' ? named : [...named, ...patience];
    for (const option of expected) t.true(options.includes(option), `${command.name()} ${option}`);
  }
});
