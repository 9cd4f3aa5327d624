import { contextTar, type ContextMember } from '../../archive/context-tar.ts';
import { asPackferryError, messageOf, PackferryError } from '../../core/errors.ts';
import type { Emit } from '../../core/events.ts';
import { formatReference } from '../../core/reference.ts';
import { isStep, type BuildNetwork } from '../../engine/build-image.ts';
import type { Engine } from '../../engine/engine.ts';
import { removeName } from '../../engine/image-names.ts';
import { inTime, watchIdle } from '../../engine/patience.ts';
import type { BuildReport } from '../../schema/reports-build.ts';
import { reportVersion } from '../../schema/versions.ts';
import { askForBase, askForManager, type BaseImage } from './base-image.ts';
import { confirmBuilt } from './confirm-built.ts';
import { dockerfileOf, requirementLines, requirementsName, wheelPath } from './dockerfile.ts';
import { labelsOf, type Provenance } from './labels.ts';
import { nameBuilt, nameNotes, refuseTaken, type OnExistingName } from './name-built.ts';
import { checkOsPackage } from './os-package.ts';
import type { BuildRecipe } from './recipe.ts';

export interface BuildOptions extends Provenance {
  readonly recipe: BuildRecipe;
  readonly engine: Engine;
  /** Which network the build has. Default: none where nothing is fetched. */
  readonly network?: BuildNetwork;
  readonly onExisting: OnExistingName;
  /** The engine is asked for the base, nothing is built. */
  readonly dryRun: boolean;
  /** Tells every line that is printed, and not only the steps. */
  readonly verbose: boolean;
  /** Milliseconds in which a build prints nothing, after which it has failed. Default: 30 minutes. */
  readonly buildIdle?: number;
  readonly emit: Emit;
  readonly signal: AbortSignal;
}

/** Milliseconds that an engine may take to tell about an image, and to run the base once. */
const inspectWithin = 60_000;
const runWithin = 180_000;

/**
 * Has an engine build an image from a recipe. The image gets its name only when it is there, stands on the base that was
 * asked for, and has its labels; what fails before leaves no name. Throws `E_BUILD_INVALID`, `E_IMAGE_NOT_FOUND` for the base,
 * `E_TAG_CONFLICT`, `E_BUILD_FAILED`, `E_TARGET_FULL`, `E_NOT_CONFIRMED`, and what engines throw.
 */
export async function buildImage(options: BuildOptions): Promise<BuildReport> {
  const { recipe, engine, dryRun, emit, signal } = options;
  const { reference, packages } = recipe;
  const image = formatReference(reference);
  const what = `${image}: ${engine.name}`;
  const base = await inTime(what, inspectWithin, signal, (both) => askForBase(engine, recipe.base, both));
  const manager =
    packages.length === 0
      ? undefined
      : (recipe.packageManager ??
        (await inTime(what, runWithin, signal, (both) => askForManager(engine, base, both))));
  for (const name of packages) checkOsPackage(name, manager);
  const dockerfile = dockerfileOf(recipe, base, manager, labelsOf(recipe, base, options));
  const report: BuildReport = {
    ...{ schemaVersion: reportVersion, dryRun, engine: engine.name, reference: image, dockerfile },
    platform: base.platform,
    base: {
      reference: base.name,
      id: base.id,
      ...(base.digest === undefined ? {} : { digest: base.digest }),
    },
    targets: [],
  };
  if (dryRun) return report;
  const asked = (work: (both: AbortSignal) => Promise<void>): Promise<void> =>
    inTime(what, inspectWithin, signal, work);
  await asked((both) => refuseTaken(engine, reference, options.onExisting, both));
  for (const message of nameNotes(reference)) emit({ type: 'note', level: 'info', message });
  tellOfBase(base, recipe, emit);
  emit({ type: 'started', task: 'build', item: image });
  const told = await build(options, image, dockerfile);
  const id = await inTime(what, inspectWithin, signal, (both) =>
    confirmBuilt(engine, image, told, base, both),
  );
  try {
    await asked((both) => nameBuilt(engine, id, reference, { ...options, signal: both }));
  } catch (fault) {
    await removed(engine, id, image, emit);
    throw fault;
  }
  emit({ type: 'done', task: 'build', item: image, detail: id });
  return { ...report, id };
}

async function build(options: BuildOptions, image: string, dockerfile: string): Promise<string> {
  const { recipe, engine, verbose, emit, signal, buildIdle = 30 * 60_000 } = options;
  const idle = watchIdle(buildIdle);
  const context = contextTar(contextOf(recipe, dockerfile), idle.alive);
  // Without a listener a fault would end the process; the engine's side reads it.
  context.on('error', () => undefined);
  const onLine = (line: string): void => {
    idle.alive();
    if (verbose || isStep(line)) {
      const shown = line.length > 300 ? `${line.slice(0, 300)}...` : line;
      emit({ type: 'note', level: 'info', message: `${image}: ${shown}` });
    }
  };
  try {
    const stop = AbortSignal.any([signal, idle.signal]);
    const network = options.network ?? networkFor(recipe);
    return await engine.build({ image, context, network, signal: stop, onLine });
  } catch (fault) {
    signal.throwIfAborted();
    if (!idle.signal.aborted) throw notBuilt(image, asPackferryError(fault));
    const message = `${image}: ${engine.name}: the build has printed nothing for ${buildIdle / 60_000} min`;
    throw new PackferryError('E_BUILD_FAILED', message, {
      hint: 'Something in it hangs, perhaps for want of a network. Run again with -v to see at what.',
    });
  } finally {
    idle.stop();
    context.destroy();
  }
}

/** A connection that breaks knows nothing of images. */
function notBuilt(image: string, error: PackferryError): PackferryError {
  if (error.message.includes(image)) return error;
  return new PackferryError(error.code, `${image}: not built: ${error.message}`, {
    hint: error.hint ?? 'Nothing has its name. Run again.',
    cause: error,
  });
}

/** Wheels need no network, everything else is fetched from somewhere. */
function networkFor({ packages, wheels }: BuildRecipe): BuildNetwork {
  return packages.length === 0 && wheels !== undefined ? 'none' : 'default';
}

function contextOf({ python, wheels = [] }: BuildRecipe, dockerfile: string): ContextMember[] {
  const isHashed = python.some(({ hashes }) => hashes.length > 0);
  const requirements = Buffer.from(`${requirementLines(python).join('\n')}\n`);
  return [
    { name: 'Dockerfile', content: Buffer.from(dockerfile) },
    ...(isHashed ? [{ name: requirementsName, content: requirements }] : []),
    ...wheels.map(({ name, file, size, digest }) => ({ name: wheelPath(name), file, size, digest })),
  ];
}

function tellOfBase({ name, triggers }: BaseImage, { index }: BuildRecipe, emit: Emit): void {
  const warn = (message: string): void => emit({ type: 'note', level: 'warning', message });
  if (triggers.length > 0)
    warn(`${name} adds instructions of its own to what is built on it (ONBUILD): ${triggers.join('; ')}`);
  if (index?.clearHost !== undefined)
    warn(`${index.url} is asked in the clear: whoever is in between decides on what is installed`);
}

async function removed(engine: Engine, id: string, image: string, emit: Emit): Promise<void> {
  try {
    await inTime(engine.name, inspectWithin, undefined, (signal) => removeName(engine, id, signal));
  } catch (fault) {
    const message = `${image}: what was built (${id}) could not be removed from ${engine.name}: ${messageOf(fault)}`;
    emit({ type: 'note', level: 'warning', message });
  }
}
