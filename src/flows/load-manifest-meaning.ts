import { messageOf, PackferryError } from '../core/errors.ts';
import { mappingOf } from '../core/mapping.ts';
import { parseReference } from '../core/reference.ts';
import { parseSize } from '../core/size.ts';
import type { YamlPath } from '../core/yaml.ts';
import { formatPath, type Mistake } from './load-manifest-mistakes.ts';
import { resolvePath, type Bases } from './load-manifest-paths.ts';
import { parseMirror, parseRegistryHost } from './load-manifest-registries.ts';

/**
 * What is wrong with a manifest beyond its shape: references, sizes, registry hosts, home folders. Looks at everything
 * that is a text, also where the rest has not the right shape, so that all mistakes come in one go.
 */
export function meaningMistakes(manifest: unknown, bases: Bases): Mistake[] {
  const { packs, images, registries, bundle, sign } = mappingOf(manifest);
  const mistakes: (Mistake | undefined)[] = [];
  const check = (path: YamlPath, value: unknown, parse: (text: string) => unknown, atKey = false): void => {
    if (typeof value === 'string' && value !== '') mistakes.push(attempt(path, value, parse, atKey));
  };
  const asPath = (text: string): string => resolvePath(text, bases);

  listOf(packs).forEach((pack, index) => check(['packs', index, 'path'], mappingOf(pack)['path'], asPath));
  listOf(images).forEach((image, index) => {
    check(['images', index], image, parseReference);
    check(['images', index, 'reference'], mappingOf(image)['reference'], parseReference);
  });
  const hosts = new Set<string>();
  for (const [host, settings] of Object.entries(mappingOf(registries))) {
    const { mirrors, caFile } = mappingOf(settings);
    check(['registries', host], host, (text) => onlyOnce(parseRegistryHost(text), hosts), true);
    listOf(mirrors).forEach((mirror, index) =>
      check(['registries', host, 'mirrors', index], mirror, parseMirror),
    );
    check(['registries', host, 'caFile'], caFile, asPath);
  }
  check(['bundle', 'volumeSize'], mappingOf(bundle)['volumeSize'], parseSize);
  listOf(mappingOf(sign)['keys']).forEach((key, index) => check(['sign', 'keys', index], key, asPath));
  return [...mistakes.filter((mistake) => mistake !== undefined), ...nothingWanted(packs, images)];
}

function attempt(
  path: YamlPath,
  text: string,
  parse: (text: string) => unknown,
  atKey: boolean,
): Mistake | undefined {
  try {
    parse(text);
    return undefined;
  } catch (cause) {
    const hint = cause instanceof PackferryError ? cause.hint : undefined;
    const message = `${formatPath(path)}: ${messageOf(cause)}`;
    return { path, atKey, message, cause, ...(hint === undefined ? {} : { hint }) };
  }
}

function onlyOnce(host: string, hosts: Set<string>): void {
  if (hosts.has(host)) throw new PackferryError('E_MANIFEST_INVALID', `${host} has settings already`);
  hosts.add(host);
}

function nothingWanted(...lists: readonly unknown[]): Mistake[] {
  const isEmpty = lists.every((list) => list === undefined || (Array.isArray(list) && list.length === 0));
  return isEmpty ? [{ path: [], message: 'neither packs nor images: there is nothing to bundle' }] : [];
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
