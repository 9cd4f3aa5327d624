import { MemoryInput, MemoryOutput, runCli, type Ran, type RunOptions } from './cli-run.ts';

/** Runs on a terminal where somebody answers each question in turn. */
export async function onTerminal(
  argv: readonly string[],
  answers: readonly (readonly [question: string, answer: string])[],
  options: RunOptions = {},
): Promise<Ran> {
  const stdin = new MemoryInput(true);
  const stderr = new MemoryOutput(true);
  const ran = runCli(argv, { ...options, stdin, stderr });
  for (const [at, [question, answer]] of answers.entries()) {
    const before = answers.slice(0, at).filter(([asked]) => asked === question);
    await stderr.shows(question, before.length + 1);
    stdin.write(answer);
  }
  return ran;
}
