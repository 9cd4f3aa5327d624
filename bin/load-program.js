// Loads the command line from the one file that bin/program.ts makes. Beside it lies what V8 had compiled of it then, and need
// not compile again; what another version of V8 has made, or the same with other flags, V8 passes over.
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { Script } from 'node:vm';

/** Returns what the file exports, and the script, of which more is compiled the more of it runs. */
export function loadProgram(file) {
  const compiled = `${file}.compiled`;
  // The bundler writes nothing but ASCII, which is read faster so; a function stands around all of it.
  const source = readFileSync(file, 'latin1');
  const script = new Script(source, {
    filename: file,
    ...(existsSync(compiled) ? { cachedData: readFileSync(compiled) } : {}),
  });
  const module = { exports: {} };
  const run = script.runInThisContext();
  run(module, module.exports, createRequire(file), file, path.dirname(file));
  return { program: module.exports, script };
}
