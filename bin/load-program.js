// Loads the command line from the one file that bin/program.ts makes. Beside it lies what V8 had compiled of it then, and need
// not compile again; what another version of V8 has made, or the same with other flags, V8 passes over. No more than that: of the
// source it compares the length alone, and damaged bytes it takes as they are. So a seal stands before them.
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import process from 'node:process';
import { Script } from 'node:vm';

const nameOf = (file) => `${file}.compiled`;
const sealLength = 32;

/** One hash of all that has to be as it was: Node, the source and what was compiled of it. */
function sealOf(source, compiled) {
  const { version, platform, arch } = process;
  const about = `packferry ${version} ${platform} ${arch} ${source.length}\n`;
  return createHash('sha256').update(about).update(source).update(compiled).digest();
}

/** What was compiled of this source by this Node; undefined where there is no such thing, or it cannot be read. */
function compiledOf(file, source) {
  try {
    const bytes = readFileSync(nameOf(file));
    const compiled = bytes.subarray(sealLength);
    return sealOf(source, compiled).equals(bytes.subarray(0, sealLength)) ? compiled : undefined;
  } catch {
    return undefined;
  }
}

/** Returns what the file exports, and the script, of which more is compiled the more of it runs. */
export function loadProgram(file) {
  const source = readFileSync(file);
  const cachedData = compiledOf(file, source);
  // The bundler writes nothing but ASCII, which is read faster so; a function stands around all of it.
  const script = new Script(source.toString('latin1'), {
    filename: file,
    ...(cachedData === undefined ? {} : { cachedData }),
  });
  const module = { exports: {} };
  const run = script.runInThisContext();
  run(module, module.exports, createRequire(file), file, path.dirname(file));
  return { program: module.exports, script };
}

/** Keeps, for the next time, what is compiled by now of the script that was loaded from the file. */
export function keepCompiled(file, script) {
  const compiled = script.createCachedData();
  writeFileSync(nameOf(file), Buffer.concat([sealOf(readFileSync(file), compiled), compiled]));
}
