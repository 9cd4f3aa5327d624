import { isDigest, type Digest } from '../../core/digest.ts';
import { asPackferryError, PackferryError } from '../../core/errors.ts';
import { platformFrom, type Platform } from '../../core/platform.ts';
import {
  formatReference,
  nameOf,
  parseReference,
  tagNameOf,
  type ImageReference,
} from '../../core/reference.ts';
import { someOf } from '../../core/some-of.ts';
import type { Engine } from '../../engine/engine.ts';
import { engineWords } from '../../engine/engine-words.ts';
import { listNames } from '../../engine/inspect-all.ts';
import type { Inspection } from '../../engine/inspection.ts';
import { managerOf, packageManagers, type PackageManager } from './os-package.ts';

/** The image that another one is built on, as the engine has it. */
export interface BaseImage {
  /** In full, with tag or digest. */
  readonly name: string;
  readonly id: Digest;
  /** Of its manifest, where the engine kept that. */
  readonly digest?: Digest;
  /** The diff IDs of its layers. */
  readonly layers: readonly string[];
  readonly platform: Platform;
  /** The user that its programs run as, where that is not root. */
  readonly user?: string;
  /** Instructions that it adds to whatever is built on it. */
  readonly triggers: readonly string[];
}

/** How users and groups are written, by name or number. */
const userShape = /^[A-Za-z0-9_][A-Za-z0-9_.-]*(?::[A-Za-z0-9_][A-Za-z0-9_.-]*)?$/;
const roots = new Set(['', '0', 'root', '0:0', 'root:root', 'root:0', '0:root']);

/**
 * Asks an engine for the base; nothing is pulled, since nobody would have looked at what comes. Throws `E_IMAGE_NOT_FOUND`,
 * `E_BUILD_INVALID` for a base whose user cannot be written down, and what inspecting throws.
 */
export async function askForBase(
  engine: Engine,
  reference: ImageReference,
  signal: AbortSignal,
): Promise<BaseImage> {
  const key =
    reference.digest === undefined ? tagNameOf(reference) : `${nameOf(reference)}@${reference.digest}`;
  const name = key ?? formatReference(reference);
  const held = await engine.inspect(name, signal);
  if (held === undefined) {
    const hint = whereToGet(reference, await othersOf(engine, reference, signal), engine);
    throw new PackferryError('E_IMAGE_NOT_FOUND', `${engine.name} does not have the base ${name}`, { hint });
  }
  const { Id: id, Config: config } = held;
  const layers = held.RootFS?.Layers ?? [];
  const platform = platformFrom({
    ...{ os: held.Os ?? '', architecture: held.Architecture ?? '', variant: held.Variant },
  });
  if (!isDigest(id) || layers.length === 0 || platform === undefined) {
    throw new PackferryError(
      'E_ENGINE_PROTOCOL',
      `${engine.name} tells neither ID, layers nor platform of ${name}`,
      { hint: 'The image may be there in part only: pull or import it again.' },
    );
  }
  const digest = digestOf(reference, id, held, engine);
  const user = userOf(name, config?.User ?? '');
  return {
    ...{ name, id, layers, platform, triggers: config?.OnBuild ?? [] },
    ...(digest === undefined ? {} : { digest }),
    ...(user === undefined ? {} : { user }),
  };
}

function whereToGet({ written }: ImageReference, others: readonly string[], { facts }: Engine): string {
  const bring = `ring it there first ("packferry import", or "packferry copy ${written} --to ENDPOINT")`;
  if (others.length > 0) return `It has ${someOf(others)}: name that with --from, or b${bring}.`;
  return `B${bring}, or name one that is there: --from. See "${facts.product} images".`;
}

/** What the engine has under other tags of this name, the highest first, as far as it can be told. */
async function othersOf(
  engine: Engine,
  reference: ImageReference,
  signal: AbortSignal,
): Promise<readonly string[]> {
  try {
    const named = (await listNames(engine, signal)).map((one) => parseReference(one.reference));
    const others = named.filter((one) => nameOf(one) === nameOf(reference)).map(formatReference);
    return others.sort((a, b) => b.localeCompare(a, 'en', { numeric: true }));
  } catch (fault) {
    signal.throwIfAborted();
    // That the base is missing is the worse news.
    if (fault instanceof PackferryError) return [];
    throw fault;
  }
}

/** Podman gives every image a digest, also those that it has loaded and whose manifest it had to make up. */
function digestOf(
  reference: ImageReference,
  id: Digest,
  { RepoDigests: names }: Inspection,
  { facts }: Engine,
): Digest | undefined {
  if (reference.digest !== undefined) return reference.digest;
  if (facts.idOf === 'manifest') return id;
  if (facts.product === 'podman') return undefined;
  const pulled = (names ?? []).flatMap((text) => {
    try {
      return [parseReference(text)];
    } catch (fault) {
      // An image that was only loaded has "<none>@<none>" here in old versions.
      if (asPackferryError(fault).code === 'E_REFERENCE_INVALID') return [];
      throw fault;
    }
  });
  return pulled.find((one) => nameOf(one) === nameOf(reference))?.digest;
}

function userOf(base: string, user: string): string | undefined {
  if (roots.has(user)) return undefined;
  if (userShape.test(user)) return user;
  throw new PackferryError('E_BUILD_INVALID', `${base}: its user cannot be kept: ${engineWords(user)}`, {
    hint: 'Choose another base.',
  });
}

/** What installs packages in an image: asked of the image itself, which is run once without network and rights. */
export async function askForManager(
  engine: Engine,
  base: BaseImage,
  signal: AbortSignal,
): Promise<PackageManager> {
  const command = ['cat', '/etc/os-release'];
  const { status, words } = await engine.run({ image: base.id, command, signal });
  const manager = status === 0 ? managerOf(words) : undefined;
  if (manager !== undefined) return manager;
  const why =
    status === 0 ? `its os-release names none that is known: ${words}` : `"${command.join(' ')}": ${words}`;
  throw new PackferryError(
    'E_BUILD_INVALID',
    `${base.name}: it cannot be told what installs packages there: ${engineWords(why)}`,
    { hint: `Name it: --package-manager ${packageManagers.join('|')}.` },
  );
}
