import type { Target } from '../target.ts';
import * as archive from './archive.ts';
import * as base from './base.ts';
import * as build from './build.ts';
import * as bundle from './bundle.ts';
import * as core from './core.ts';
import * as engine from './engine.ts';
import * as flows from './flows.ts';
import * as pack from './pack.ts';
import * as registryAnswers from './registry-answers.ts';
import * as registry from './registry.ts';
import * as selfTest from './self-test.ts';
import * as trust from './trust.ts';
import * as yaml from './yaml.ts';

/** Every file of targets; what a file exports are its targets. A new one is one line here. */
const files = [
  core,
  yaml,
  archive,
  bundle,
  trust,
  pack,
  registry,
  registryAnswers,
  engine,
  flows,
  base,
  build,
];

/** The parsers of everything that comes from outside. */
export const targets: readonly Target[] = files.flatMap((file) => Object.values<Target>(file));

export function targetNamed(name: string): Target {
  const found = [...targets, ...Object.values(selfTest)].find((target) => target.name === name);
  if (found === undefined) throw new RangeError(`there is no target ${name}; see npm run fuzz -- --list`);
  return found;
}
