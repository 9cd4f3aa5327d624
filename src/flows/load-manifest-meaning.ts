import { parseDuration } from '../core/duration.ts';
import { messageOf, PackferryError } from '../core/errors.ts';
import { globFault } from '../core/glob.ts';
import { mappingOf } from '../core/mapping.ts';
import { parseReference } from '../core/reference.ts';
import { parseSize } from '../core/size.ts';
import type { YamlPath } from '../core/yaml.ts';
import { checkMarketplaceUrl } from '../pack/marketplace/options.ts';
import { parseOrganization } from '../pack/policy-organizations.ts';
import { formatPath, type Mistake } from './load-manifest-mistakes.ts';
import { resolvePath, type Bases } from './load-manifest-paths.ts';
import { parseMirror, parseRegistryKey } from './load-manifest-registries.ts';
import { parseSource } from './source-endpoint.ts';

/** Notes a mistake when a text at a path cannot be parsed. What is no text is left to the schema. */
type Check = (path: YamlPath, value: unknown, parse: (text: string) => unknown, atKey?: boolean) => void;

/**
 * What is wrong with a manifest beyond its shape: references, patterns, sizes, registry hosts, home folders. Looks at
 * everything that is a text, also where the rest has not the right shape, so that all mistakes come in one go.
 */
export function meaningMistakes(manifest: unknown, bases: Bases): Mistake[] {
  const { packs, marketplace, images, exclude, include, policy, registries, bundle, sign } =
    mappingOf(manifest);
  const mistakes: Mistake[] = [];
  const check: Check = (path, value, parse, atKey = false) => {
    const mistake = typeof value === 'string' && value !== '' && attempt(path, value, parse, atKey);
    if (mistake) mistakes.push(mistake);
  };
  const asPath = (text: string): string => resolvePath(text, bases);
  const asPattern = (text: string): void => refusePattern(text);

  listOf(packs).forEach((pack, index) => {
    for (const key of ['path', 'xsoarConfig']) check(['packs', index, key], mappingOf(pack)[key], asPath);
  });
  check(['marketplace', 'url'], mappingOf(marketplace)['url'], checkMarketplaceUrl);
  check(['marketplace', 'caFile'], mappingOf(marketplace)['caFile'], asPath);
  checkImages(images, check, { asPath, asPattern });
  listOf(exclude).forEach((pattern, index) => check(['exclude', index], pattern, asPattern));
  check(['include', 'nativeConfig'], mappingOf(include)['nativeConfig'], asPath);
  listOf(mappingOf(policy)['organizations']).forEach((one, index) =>
    check(['policy', 'organizations', index], one, parseOrganization),
  );
  check(['policy', 'deprecatedImages'], mappingOf(policy)['deprecatedImages'], asPath);
  checkRegistries(registries, check, asPath);
  check(['bundle', 'volumeSize'], mappingOf(bundle)['volumeSize'], parseSize);
  check(['bundle', 'expiresAfter'], mappingOf(bundle)['expiresAfter'], parseDuration);
  listOf(mappingOf(sign)['keys']).forEach((key, index) => check(['sign', 'keys', index], key, asPath));
  return [
    ...mistakes,
    ...nothingWanted(packs, wantedOf(images)),
    ...loneSettings(include),
    ...loneCertificates(registries),
  ];
}

interface Readers {
  readonly asPath: (text: string) => string;
  readonly asPattern: (text: string) => void;
}

function checkImages(images: unknown, check: Check, { asPath, asPattern }: Readers): void {
  const origins = new Map<string, string>();
  listOf(images).forEach((image, index) => {
    const at: YamlPath = ['images', index];
    check(at, image, parseReference);
    const { reference, pattern, from } = mappingOf(image);
    check([...at, 'reference'], reference, parseReference);
    check([...at, 'pattern'], pattern, asPattern);
    check([...at, 'from'], from, (text) => parseSource(text, asPath));
    listOf(from).forEach((url, place) => {
      check([...at, 'from', place], url, (text) => parseSource(text, asPath));
    });
    if (from === undefined) return;
    const [key, written] = [JSON.stringify([reference, pattern]), JSON.stringify([from].flat())];
    const known = origins.get(key) ?? written;
    check([...at, 'from'], written, () => {
      if (known !== written)
        throw new PackferryError('E_MANIFEST_INVALID', 'the image has another origin above');
    });
    origins.set(key, known);
  });
}

/** Patterns ask for no image. */
function wantedOf(images: unknown): unknown {
  const isPattern = (image: unknown): boolean => {
    const { pattern, reference } = mappingOf(image);
    return pattern !== undefined && reference === undefined;
  };
  return Array.isArray(images) ? images.filter((image) => !isPattern(image)) : images;
}

function checkRegistries(registries: unknown, check: Check, asPath: (text: string) => string): void {
  const hosts = new Set<string>();
  for (const [host, settings] of Object.entries(mappingOf(registries))) {
    const { location, mirrors, caFile, clientCert, clientKey } = mappingOf(settings);
    check(['registries', host], host, (text) => onlyOnce(parseRegistryKey(text), hosts), true);
    check(['registries', host, 'location'], location, parseMirror);
    listOf(mirrors).forEach((mirror, index) =>
      check(['registries', host, 'mirrors', index], mirror, parseMirror),
    );
    for (const [key, file] of Object.entries({ caFile, clientCert, clientKey })) {
      check(['registries', host, key], file, asPath);
    }
  }
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

function refusePattern(text: string): void {
  const fault = globFault(text);
  if (fault !== undefined) throw new PackferryError('E_MANIFEST_INVALID', fault);
}

function onlyOnce(host: string, hosts: Set<string>): void {
  if (hosts.has(host)) throw new PackferryError('E_MANIFEST_INVALID', `${host} has settings already`);
  hosts.add(host);
}

function nothingWanted(...lists: readonly unknown[]): Mistake[] {
  const isEmpty = lists.every((list) => list === undefined || (Array.isArray(list) && list.length === 0));
  return isEmpty ? [{ path: [], message: 'neither packs nor images: there is nothing to bundle' }] : [];
}

/** Settings that need another one beside them: alone they would do nothing, and nobody would notice. */
function loneSettings(include: unknown): Mistake[] {
  const { native, nativeConfig } = mappingOf(include);
  const mistakes: Mistake[] = [];
  if (listOf(native).length > 0 && nativeConfig === undefined) {
    mistakes.push({
      path: ['include', 'native'],
      atKey: true,
      message: 'include.native: which images these are stands in a file that include.nativeConfig must name',
      hint: 'It is Tests/docker_native_image_config.json of the content repository.',
    });
  }
  if (nativeConfig !== undefined && native === undefined) {
    mistakes.push({
      path: ['include', 'nativeConfig'],
      atKey: true,
      message: 'include.nativeConfig does nothing without include.native',
    });
  }
  return mistakes;
}

/** A certificate is of no use without its key, nor the key without it. */
function loneCertificates(registries: unknown): Mistake[] {
  return Object.entries(mappingOf(registries)).flatMap(([host, settings]) => {
    const { clientCert, clientKey } = mappingOf(settings);
    if ((clientCert === undefined) === (clientKey === undefined)) return [];
    const [lone, other] =
      clientCert === undefined ? ['clientKey', 'clientCert'] : ['clientCert', 'clientKey'];
    const path = ['registries', host, lone];
    return [{ path, atKey: true, message: `${formatPath(path)}: it needs ${other} beside it` }];
  });
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
