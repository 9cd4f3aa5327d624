import { createHash } from 'node:crypto';
import { readdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { syncFolder } from '../archive/atomic-file.ts';
import type { Emit } from '../core/events.ts';
import type { BundleDocument } from '../schema/bundle.ts';
import type { Signers } from '../trust/signer.ts';
import { bundleNamespace } from '../trust/verify.ts';
import { describedFiles, documentText } from './document.ts';
import { writeFileWhole } from './files.ts';
import { loaderText } from './loader.ts';
import { bundleFiles, isSignatureName, signatureName } from './names.ts';
import { readmeText } from './readme.ts';
import { formatSums } from './sums.ts';

export interface SealOptions {
  readonly dir: string;
  readonly signers: Signers;
  readonly emit: Emit;
}

/**
 * Writes everything but the archives, each file whole. The list is written when all have signed it, and the signature
 * without a number last, for it makes the folder a bundle. Returns the sha256 of the list.
 */
export async function sealBundle(document: BundleDocument, options: SealOptions): Promise<string> {
  const { dir, signers, emit } = options;
  const texts = new Map<string, string>([
    [bundleFiles.document, documentText(document)],
    [bundleFiles.readme, readmeText(document, signers)],
    [bundleFiles.loader, loaderText()],
  ]);
  const sums = new Map(describedFiles(document).map(({ file, sha256 }) => [file, sha256]));
  for (const [name, text] of texts) {
    await writeFileWhole(path.join(dir, name), text, name === bundleFiles.loader ? 0o755 : 0o644);
    sums.set(name, createHash('sha256').update(text).digest('hex'));
  }
  const list = formatSums(sums);
  const signatures: { readonly file: string; readonly text: string }[] = [];
  for (const [index, signer] of signers.entries()) {
    emit({ type: 'started', task: 'sign', item: bundleFiles.sums });
    const text = await signer.sign(Buffer.from(list), bundleNamespace);
    signatures.unshift({ file: signatureName(index), text });
    emit({ type: 'done', task: 'sign', item: bundleFiles.sums, detail: `key ${signer.fingerprint}` });
  }
  // An earlier run may have been stopped here, with other signers.
  for (const name of (await readdir(dir)).filter(isSignatureName)) await rm(path.join(dir, name));
  await writeFileWhole(path.join(dir, bundleFiles.sums), list, 0o644);
  for (const { file, text } of signatures) await writeFileWhole(path.join(dir, file), text, 0o644);
  await syncFolder(dir);
  await rm(path.join(dir, bundleFiles.journal), { force: true });
  await syncFolder(dir);
  return createHash('sha256').update(list).digest('hex');
}
