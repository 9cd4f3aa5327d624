import type { BaseImage } from './base-image.ts';
import type { BuildRecipe } from './recipe.ts';

/** Labels of an image, in the order in which they are written. */
export type Labels = Readonly<Record<string, string>>;

export interface Provenance {
  /** Name and version of the program. */
  readonly tool: { readonly name: string; readonly version: string };
  /** Only where the time is set from outside: the engine notes its own, and the text would never be the same twice. */
  readonly created?: Date;
}

/** The label that names the very image that another one stands on. */
export const baseIdLabel = 'io.packferry.base.id';

/**
 * What an image says of where it comes from: the keys of the OCI image specification ("Annotations"), and those of packferry
 * for what was put in. Lists are separated by a comma and a space, which stand in no item.
 */
export function labelsOf(recipe: BuildRecipe, base: BaseImage, { tool, created }: Provenance): Labels {
  const { python, packages, wheels, index } = recipe;
  const list = (items: readonly string[]): string => items.join(', ');
  return {
    ...(created === undefined ? {} : { 'org.opencontainers.image.created': created.toISOString() }),
    'org.opencontainers.image.base.name': base.name,
    ...(base.digest === undefined ? {} : { 'org.opencontainers.image.base.digest': base.digest }),
    [baseIdLabel]: base.id,
    ...(python.length === 0 ? {} : { 'io.packferry.python': list(python.map(({ text }) => text)) }),
    ...(packages.length === 0 ? {} : { 'io.packferry.packages': list(packages) }),
    ...(wheels === undefined
      ? {}
      : { 'io.packferry.wheels': list(wheels.map(({ name, digest }) => `${name}@${digest}`)) }),
    ...(index === undefined ? {} : { 'io.packferry.index': index.url }),
    'io.packferry.tool': `${tool.name} ${tool.version}`,
  };
}
