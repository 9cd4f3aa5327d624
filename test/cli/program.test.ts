import test from 'ava';
import type { Command, Option } from 'commander';
import { processContext } from '../../src/cli/context.ts';
import { collectValues } from '../../src/cli/options.ts';
import { makeProgram } from '../../src/cli/program.ts';

function commandsBelow(command: Command): Command[] {
  return [command, ...command.commands.flatMap(commandsBelow)];
}

const program = makeProgram(processContext(new AbortController().signal), () => undefined);
const options: readonly { readonly of: string; readonly option: Option }[] = commandsBelow(program).flatMap(
  (command) => command.options.map((option) => ({ of: `${command.name()} ${option.flags}`, option })),
);

test('every option is explained, and says in the same words that it can be given again', (t) => {
  t.true(options.length > 100);
  for (const { of, option } of options) {
    t.not(option.description, '', of);
    t.is(option.parseArg === collectValues, option.description.includes('(repeatable'), of);
    t.notRegex(option.description, /may be repeated|several times|environment: /, of);
  }
});

test('help is wrapped at the width of the terminal', (t) => {
  for (const width of [40, 60, 80, 120, 200]) {
    for (const command of commandsBelow(program)) {
      const tooLong = command
        .configureHelp({ ...command.configureHelp(), helpWidth: width })
        .helpInformation()
        .split('\n')
        // A usage line and what has no space in it can be no shorter.
        .filter((line) => line.length > width && !/^Usage:|^\s*\S+$/.test(line));
      t.deepEqual(tooLong, [], command.name());
    }
  }
});
