import { PackferryError } from '../../core/errors.ts';
import { limits } from '../../core/limits.ts';
import { formatReference } from '../../core/reference.ts';
import type { BaseImage } from './base-image.ts';
import type { Labels } from './labels.ts';
import { installCommand, type PackageManager } from './os-package.ts';
import type { BuildRecipe } from './recipe.ts';
import type { Requirement } from './requirement.ts';

/** Where wheels and requirements lie while they are installed. */
const folder = '/packferry';

/** The name of the requirements file in the context. */
export const requirementsName = 'requirements.txt';

/** The path of a wheel in the context. */
export function wheelPath(name: string): string {
  return `wheels/${name}`;
}

/**
 * Writes a recipe down: the same recipe and base always give the same text. Every command is a JSON array, which no shell
 * reads and in which nothing is replaced; what cannot be one (FROM, USER, LABEL) takes only characters that mean nothing
 * there. Throws `E_BUILD_INVALID` when a line gets longer than Docker's builder takes.
 */
export function dockerfileOf(
  recipe: BuildRecipe,
  base: BaseImage,
  manager: PackageManager | undefined,
  labels: Labels,
): string {
  const { reference, packages, wheels = [], python, checks } = recipe;
  const isHashed = python.some(({ hashes }) => hashes.length > 0);
  const files = [...wheels.map(({ name }) => wheelPath(name)), ...(isHashed ? [requirementsName] : [])];
  const lines = [
    `# Written by packferry for ${plain(formatReference(reference))}.`,
    ...(isHashed
      ? [`# ${requirementsName}:`, ...requirementLines(python).map((line) => `#   ${plain(line)}`)]
      : []),
    `FROM ${plain(base.name)}`,
    ...(base.user === undefined ? [] : ['USER root']),
    ...(manager === undefined || packages.length === 0 ? [] : [run(installCommand(manager, packages))]),
    ...(files.length === 0 ? [] : copies(files)),
    ...(python.length === 0 ? [] : [run(pipInstall(recipe, isHashed))]),
    ...(files.length === 0 ? [] : [run(['rm', '-r', folder])]),
    ...(python.length === 0 || !checks ? [] : [run(['pip', 'check'])]),
    ...(base.user === undefined ? [] : [`USER ${plain(base.user)}`]),
    ...labelLines(labels),
  ];
  const long = lines.find((line) => line.length > limits.dockerfileLine);
  if (long === undefined) return `${lines.join('\n')}\n`;
  const message = `${formatReference(reference)}: a line of the Dockerfile gets ${long.length} characters, more than ${limits.dockerfileLine}`;
  throw new PackferryError('E_BUILD_INVALID', message, {
    hint: 'Build in two steps, the second on top of the first, or name fewer packages.',
  });
}

/** The lines of the requirements file, with the hashes of each. */
export function requirementLines(python: readonly Requirement[]): readonly string[] {
  return python.map(({ text, hashes }) => [text, ...hashes.map((hash) => `--hash=sha256:${hash}`)].join(' '));
}

/** Wheels by themselves: a COPY of both would lay them into one folder. */
function copies(files: readonly string[]): readonly string[] {
  const wheels = files.filter((file) => file !== requirementsName);
  return [
    ...(wheels.length === 0 ? [] : [`COPY ${words([...wheels, `${folder}/wheels/`])}`]),
    ...(wheels.length === files.length ? [] : [`COPY ${words([requirementsName, `${folder}/`])}`]),
  ];
}

/** As the vendor's own Dockerfiles call it, which Python 2 has too: `pip install --no-cache-dir`. */
function pipInstall({ wheels, index, python }: BuildRecipe, isHashed: boolean): readonly string[] {
  const quiet = ['--no-cache-dir', '--no-input', '--disable-pip-version-check', '--progress-bar=off'];
  const fromWheels = wheels === undefined ? [] : ['--no-index', `--find-links=${folder}/wheels`];
  const fromIndex = index === undefined ? [] : [`--index-url=${index.url}`];
  const inTheClear = index?.clearHost === undefined ? [] : [`--trusted-host=${index.clearHost}`];
  const what = isHashed
    ? ['--require-hashes', '--requirement', `${folder}/${requirementsName}`]
    : python.map(({ text }) => text);
  return ['pip', 'install', ...quiet, ...fromWheels, ...fromIndex, ...inTheClear, ...what];
}

function run(command: readonly string[]): string {
  return `RUN ${words(command)}`;
}

/** A JSON array, as instructions take it in place of a shell's words. */
function words(list: readonly string[]): string {
  for (const word of list) if (!/^[ -~]+$/.test(word)) throw leaked(word);
  return JSON.stringify(list);
}

function labelLines(labels: Labels): readonly string[] {
  const pairs = Object.entries(labels).map(([key, value]) => `${plain(key)}="${plain(value)}"`);
  return pairs.map((pair, at) => {
    const start = at === 0 ? 'LABEL' : '     ';
    return `${start} ${pair}${at === pairs.length - 1 ? '' : ' \\'}`;
  });
}

/**
 * A text that stands in an instruction as it is: printable, no quote that would end it, nothing that begins a variable or
 * takes the meaning of what follows. The grammars of a recipe let none of these through; this is the second lock.
 */
function plain(text: string): string {
  if (/^[ -~]+$/.test(text) && !/["$\\`]/.test(text)) return text;
  throw leaked(text);
}

function leaked(text: string): PackferryError {
  return new PackferryError('E_INTERNAL', `${JSON.stringify(text)} must not get into a Dockerfile`, {
    hint: 'This is a fault in packferry: a check let it through. Report it.',
  });
}
