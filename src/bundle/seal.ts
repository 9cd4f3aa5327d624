import { createHash } from 'node:crypto';
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { syncFolder } from '../archive/atomic-file.ts';
import type { Emit } from '../core/events.ts';
import type { BundleDocument } from '../schema/bundle.ts';
import type { Signer } from '../trust/signer.ts';
import { bundleNamespace } from '../trust/verify.ts';
import { describedFiles, documentText } from './document.ts';
import { writeFileWhole } from './files.ts';
import { loaderText } from './loader.ts';
import { bundleFiles } from './names.ts';
import { readmeText } from './readme.ts';
import { formatSums } from './sums.ts';

export interface SealOptions {
  readonly dir: string;
  readonly signer: Signer;
  readonly emit: Emit;
}

/** Writes everything but the archives, each file whole; the signature last. Returns the sha256 of the list. */
export async function sealBundle(document: BundleDocument, options: SealOptions): Promise<string> {
  const { dir, signer, emit } = options;
  const texts = new Map<string, string>([
    [bundleFiles.document, documentText(document)],
    [bundleFiles.readme, readmeText(document, signer)],
    [bundleFiles.loader, loaderText()],
  ]);
  const sums = new Map(describedFiles(document).map(({ file, sha256 }) => [file, sha256]));
  for (const [name, text] of texts) {
    await writeFileWhole(path.join(dir, name), text, name === bundleFiles.loader ? 0o755 : 0o644);
    sums.set(name, createHash('sha256').update(text).digest('hex'));
  }
  const list = formatSums(sums);
  emit({ type: 'started', task: 'sign', item: bundleFiles.sums });
  const signature = await signer.sign(Buffer.from(list), bundleNamespace);
  await writeFileWhole(path.join(dir, bundleFiles.sums), list, 0o644);
  await writeFileWhole(path.join(dir, bundleFiles.signature), signature, 0o644);
  await syncFolder(dir);
  await rm(path.join(dir, bundleFiles.journal), { force: true });
  await syncFolder(dir);
  emit({ type: 'done', task: 'sign', item: bundleFiles.sums, detail: `key ${signer.fingerprint}` });
  return createHash('sha256').update(list).digest('hex');
}
