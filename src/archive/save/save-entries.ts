import type { Digest } from '../../core/digest.ts';
import { PackferryError } from '../../core/errors.ts';
import { parseStrictJson } from '../../core/json.ts';
import { limits } from '../../core/limits.ts';
import { parseReference, tagNameOf } from '../../core/reference.ts';
import { saveManifestSchema, type SaveManifest } from '../../schema/docker-save.ts';
import { validate } from '../oci-documents.ts';
import { blobPath } from '../save-documents.ts';
import { archiveFault, shownName } from '../tar/archive-fault.ts';
import type { SaveFiles } from './read-save.ts';
import type { SaveFile } from './save-file.ts';
import { documentOf, type GraphManifest } from './save-graph.ts';

/** What `manifest.json` says of one image. */
export type SaveEntry = SaveManifest[number];

/** Reads `manifest.json`. Throws `E_JSON_INVALID`, `E_IMAGE_MALFORMED`. */
export function readSaveManifest(archive: string, file: SaveFile): SaveManifest {
  const name = `${archive}: manifest.json`;
  const value = parseStrictJson(documentOf(file, name), { name, maxBytes: limits.saveManifest });
  return validate(saveManifestSchema, value, name);
}

/** The full names of an entry: `demisto/x:1` means Docker Hub. Throws `E_ARCHIVE_MALFORMED` for what is no name. */
export function namesOf(archive: string, { RepoTags }: SaveEntry): string[] {
  return (RepoTags ?? []).map((tag) => {
    try {
      const name = tagNameOf(parseReference(tag));
      if (name !== undefined) return name;
    } catch (fault) {
      if (!(fault instanceof PackferryError)) throw fault;
    }
    throw archiveFault(archive, 'manifest.json', `${shownName(tag)} is no image name`);
  });
}

/**
 * A name must lead to the same image by `manifest.json` and by `index.json`; the latter may lead to images of other
 * platforms as well. Throws `E_ARCHIVE_MALFORMED`.
 */
export function refuseContradictions(
  save: SaveFiles,
  entries: readonly SaveEntry[],
  graph: readonly GraphManifest[],
): void {
  const byName = new Map<string, Set<Digest>>();
  for (const { names, document } of graph) {
    for (const name of names) byName.set(name, (byName.get(name) ?? new Set()).add(document.config.digest));
  }
  for (const entry of entries) {
    const config = save.files.get(entry.Config)?.digest;
    for (const name of namesOf(save.archive, entry)) {
      const meant = [...(byName.get(name) ?? [])];
      const agrees = meant.some((digest) => digest === config || blobPath({ digest }) === entry.Config);
      if (meant.length === 0 || agrees) continue;
      const what = `manifest.json means the image ${shownName(config ?? entry.Config)} by ${name}, index.json ${meant.join(', ')}`;
      throw archiveFault(save.archive, undefined, what);
    }
  }
}
