import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import ssh2 from 'ssh2';
import { sampleImagesFor, writeOciLayout } from '../../bin/demo/sample-images.ts';
import { ociLayoutContent } from '../../src/archive/oci-content.ts';
import type { ServedContent } from '../../src/core/served.ts';
import { generateSigningKey } from '../../src/flows/keygen.ts';
import { serveContent } from '../../src/registry/server.ts';
import { allowedSignersLine } from '../../src/trust/allowed-signers-line.ts';
import { bundleNamespace } from '../../src/trust/verify.ts';
import { withFolder } from './bundle-fixture.ts';
import { writePack } from './write-pack.ts';

/** What the pack of a site asks for. Three images in two families. */
export const siteReferences = [
  'demisto/python3:3.12.13.1',
  'demisto/crypto:1.0.0.1',
  'demisto/powershell:7.5.0.1',
];

/** A user's machine: a pack, a manifest, a key, the keys to trust, and a registry that has the images. */
export interface Site {
  readonly folder: string;
  /** `127.0.0.1:PORT` of the registry, set as mirror of Docker Hub in the manifest. */
  readonly host: string;
  /** What the registry serves, for tests that put one of their own in front. */
  readonly content: ServedContent;
  readonly pack: string;
  readonly manifest: string;
  readonly key: string;
  readonly trusted: string;
  readonly bundle: string;
  /** What the site remembers: `--state`. */
  readonly state: string;
  /** A path in the folder. */
  readonly at: (...parts: readonly string[]) => string;
  /** Writes a manifest for the pack, with the registry at `host` as mirror. */
  readonly manifestFor: (name: string, host: string, more?: string) => Promise<string>;
  /** `export` of the manifest into `bundle`, with the key. */
  readonly exporting: readonly string[];
  /** `import` of the bundle with the trusted keys and the state folder. */
  readonly importing: readonly string[];
}

/** Runs with a site in a new temporary folder. */
export async function withSite<T>(use: (site: Site) => Promise<T>): Promise<T> {
  return withFolder(async (folder) => {
    const at = (...parts: readonly string[]): string => path.join(folder, ...parts);
    await writeOciLayout(at('layout'), sampleImagesFor(siteReferences));
    const content = await ociLayoutContent(at('layout'));
    const registry = await serveContent(content, { host: '127.0.0.1', port: 0 });
    try {
      const pack = await writePack(at('Packs', 'Sample'), siteReferences);
      const manifestFor = async (name: string, host: string, more = ''): Promise<string> => {
        const text = `schema: packferry.export/v1\nname: soc\npacks:\n  - path: Packs\nregistries:\n  docker.io: { mirrors: ["${host}"] }\n${more}`;
        await writeFile(at(name), text);
        return at(name);
      };
      const manifest = await manifestFor('soc.yml', registry.host);
      const [key, trusted, bundle] = [at('key'), at('allowed_signers'), at('bundle')];
      const state = at('state');
      await writeKey(key, trusted);
      return await use({
        folder,
        host: registry.host,
        content,
        pack,
        manifest,
        key,
        trusted,
        bundle,
        state,
        at,
        manifestFor,
        exporting: ['export', manifest, '-o', bundle, '--key', key],
        importing: ['import', bundle, '--trusted-keys', trusted, '--state', state],
      });
    } finally {
      await registry.close();
    }
  });
}

/** Makes a key, and a file that trusts it. */
export async function writeKey(file: string, trusted: string, passphrase?: string): Promise<void> {
  if (passphrase === undefined) {
    const made = await generateSigningKey({ file, type: 'ed25519', principal: 'builder', passphrase });
    await writeFile(trusted, `${made.allowedSigners}\n`);
    return;
  }
  // One round of bcrypt in place of 64, which would take a second each time that the key is opened.
  const encryption = { passphrase, cipher: 'aes256-ctr', rounds: 1 };
  const pair = ssh2.utils.generateKeyPairSync('ecdsa', { bits: 256, comment: 'builder', ...encryption });
  await writeFile(file, pair.private, { mode: 0o600 });
  const line = allowedSignersLine({
    principal: 'builder',
    publicKey: pair.public,
    namespace: bundleNamespace,
  });
  await writeFile(trusted, `${line}\n`);
}
