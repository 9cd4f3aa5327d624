import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { bundleFiles } from '../../src/bundle/names.ts';
import { formatSums, parseSums } from '../../src/bundle/sums.ts';
import type { Signer } from '../../src/trust/signer.ts';
import { bundleNamespace } from '../../src/trust/verify.ts';

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** Replaces a file of a bundle and nothing else: what somebody without the key can do. */
export async function replaceFile(dir: string, name: string, content: Uint8Array): Promise<void> {
  await writeFile(path.join(dir, name), content);
}

/**
 * Replaces files of a bundle and signs the list anew, with the sum of a replaced archive in bundle.json too: what a
 * builder that was taken over can do.
 */
export async function signAgain(
  dir: string,
  signer: Signer,
  files: Readonly<Record<string, Uint8Array>>,
): Promise<void> {
  const sums = new Map(parseSums(await readFile(path.join(dir, bundleFiles.sums), 'utf8')));
  let document = await readFile(path.join(dir, bundleFiles.document), 'utf8');
  for (const [name, content] of Object.entries(files)) {
    document = document.replaceAll(sums.get(name) ?? name, sha256(content));
    await writeFile(path.join(dir, name), content);
    sums.set(name, sha256(content));
  }
  if (files[bundleFiles.document] === undefined) {
    await writeFile(path.join(dir, bundleFiles.document), document);
    sums.set(bundleFiles.document, sha256(Buffer.from(document)));
  }
  const list = formatSums(sums);
  await writeFile(path.join(dir, bundleFiles.sums), list);
  await writeFile(
    path.join(dir, bundleFiles.signature),
    await signer.sign(Buffer.from(list), bundleNamespace),
  );
}
