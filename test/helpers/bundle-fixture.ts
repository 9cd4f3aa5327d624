import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { sampleImagesFor, writeOciLayout } from '../../bin/demo/sample-images.ts';
import { openOciLayout } from '../../src/archive/oci-layout.ts';
import { packVolumes } from '../../src/archive/volumes.ts';
import type { BundleContent } from '../../src/bundle/document.ts';
import { writeBundle, type WriteBundleOptions, type WrittenBundle } from '../../src/bundle/write.ts';
import { openBundle, type VerifiedBundle } from '../../src/bundle/open.ts';
import { silent } from '../../src/core/events.ts';
import type { LockedImage } from '../../src/core/image.ts';
import { defaultPlatform } from '../../src/core/platform.ts';
import type { ImageSource } from '../../src/core/ports.ts';
import { parseReference } from '../../src/core/reference.ts';
import { allowedSignersLine } from '../../src/trust/allowed-signers-line.ts';
import { parseAllowedSigners, type AllowedSigners } from '../../src/trust/allowed-signers.ts';
import { generateKeyPair, type KeyPairOptions } from '../../src/trust/keygen.ts';
import { openSigner, type Signer } from '../../src/trust/signer.ts';
import { bundleNamespace } from '../../src/trust/verify.ts';

/** Runs with a new temporary folder, which is removed afterwards. */
export async function withFolder<T>(use: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(path.join(tmpdir(), 'packferry-test-'));
  try {
    return await use(folder);
  } finally {
    await rm(folder, { recursive: true, force: true, maxRetries: 10 });
  }
}

export const sampleReferences = [
  'docker.io/demisto/python3:3.12.13.1',
  'docker.io/demisto/crypto:1.0.0.1',
  'docker.io/demisto/powershell:7.5.0.1',
  'docker.io/demisto/py3-tools:1.0.0.1',
];

/** Everything that is needed to make bundles: images in an OCI layout, a signer, and the keys to trust. */
export interface BundleFixture {
  readonly folder: string;
  readonly images: readonly LockedImage[];
  readonly source: ImageSource;
  readonly signer: Signer;
  readonly allowed: AllowedSigners;
  /** The line of the allowed_signers file. */
  readonly allowedLine: string;
  readonly content: (volumeLimit?: number) => BundleContent;
  readonly write: (dir: string, options?: Partial<WriteBundleOptions>) => Promise<WrittenBundle>;
  readonly open: (dir: string) => Promise<VerifiedBundle>;
}

export const fixtureTime = new Date('2026-11-23T05:00:00Z');

/** Runs with a fixture in a new temporary folder. */
export async function withBundleFixture<T>(use: (fixture: BundleFixture) => Promise<T>): Promise<T> {
  return withFolder(async (folder) => {
    const layout = path.join(folder, 'layout');
    await writeOciLayout(layout, sampleImagesFor(sampleReferences));
    const source = await openOciLayout(layout);
    const images = await Promise.all(
      sampleReferences.map((reference) => source.resolve(parseReference(reference), defaultPlatform)),
    );
    const { signer, allowed, allowedLine } = await makeTrust('test-builder');
    const content = (limit = 2 ** 32): BundleContent => ({
      name: 'test',
      platform: defaultPlatform,
      volumes: packVolumes(images, limit).map((volume) => volume.map((image) => ({ image, usedBy: [] }))),
      findings: [],
      packs: [],
    });
    const write = (dir: string, options: Partial<WriteBundleOptions> = {}): Promise<WrittenBundle> =>
      writeBundle({
        dir,
        content: content(),
        source,
        signers: [signer],
        now: fixtureTime,
        tool: { name: 'packferry', version: '0.0.0' },
        jobs: 4,
        keepGoing: false,
        emit: silent,
        signal: new AbortController().signal,
        ...options,
      });
    const open = (dir: string): Promise<VerifiedBundle> =>
      openBundle(dir, { allowed, now: fixtureTime, emit: silent });
    return use({ folder, images, source, signer, allowed, allowedLine, content, write, open });
  });
}

/** Runs with a fixture and a finished bundle in `dir`. */
export async function withBundle(
  use: (fixture: BundleFixture & { readonly dir: string }) => Promise<void>,
): Promise<void> {
  await withBundleFixture(async (fixture) => {
    const dir = path.join(fixture.folder, 'bundle');
    await fixture.write(dir);
    await use({ ...fixture, dir });
  });
}

/** A new key, and what trusts it. */
export async function makeTrust(
  principal: string,
  type: KeyPairOptions['type'] = 'ed25519',
): Promise<Pick<BundleFixture, 'signer' | 'allowed' | 'allowedLine'>> {
  const pair = await generateKeyPair({ type, comment: principal });
  const signer = await openSigner({ name: 'test-key', text: Buffer.from(pair.privateKey) });
  const allowedLine = `${allowedSignersLine({ principal, publicKey: pair.publicKey, namespace: bundleNamespace })}\n`;
  return { signer, allowedLine, allowed: parseAllowedSigners(Buffer.from(allowedLine), 'allowed_signers') };
}
