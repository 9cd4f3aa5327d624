import { limits } from '../../core/limits.ts';
import { PackferryError } from '../../core/errors.ts';
import { AppendedWords } from '../tar/appended-words.ts';
import { readTar, type TakeMember, type TarOptions } from '../tar/read-tar.ts';
import { readSaveFile, type DocumentBudget, type SaveFile } from './save-file.ts';

/** All files of a save, by name; links lead to the layers that they stand for. */
export interface SaveFiles {
  readonly archive: string;
  readonly files: ReadonlyMap<string, SaveFile>;
}

/**
 * Reads a save from its first byte to its last. Every file is hashed, compressed ones also as what they decompress to,
 * and names that hold a digest are checked. Errors: `E_ARCHIVE_MALFORMED`, `E_DIGEST_MISMATCH`; `E_IMAGE_INCOMPLETE`
 * when an engine failed in the middle and said so at the end of what it sent. Memory: the JSON documents, up to
 * `limits.saveDocuments`.
 */
export async function readSave(chunks: AsyncIterable<Buffer>, options: TarOptions): Promise<SaveFiles> {
  const files = new Map<string, SaveFile>();
  const links = new Map<string, string>();
  const budget: DocumentBudget = { left: limits.saveDocuments };
  await readMembers(chunks, options, async (member, content) => {
    if (member.kind === 'link') links.set(member.name, member.target);
    else if (member.kind === 'file') {
      files.set(member.name, await readSaveFile(options.name, member, content, budget));
    }
  });
  // One step only: a link to a link leads nowhere.
  const linked = [...links].flatMap(([name, target]) => {
    const file = files.get(target);
    return file === undefined ? [] : [[name, file] as const];
  });
  return { archive: options.name, files: new Map([...files, ...linked]) };
}

/**
 * Reads the members of a save strictly, as `readTar` does; also throws `E_IMAGE_INCOMPLETE` when an engine failed in the
 * middle and said so at the end of what it sent.
 */
export async function readMembers(
  chunks: AsyncIterable<Buffer>,
  options: TarOptions,
  take: TakeMember,
): Promise<void> {
  const words = new AppendedWords();
  try {
    await readTar(words.watch(chunks), options, take);
  } catch (fault) {
    options.signal?.throwIfAborted();
    if (!(fault instanceof PackferryError) || fault.code !== 'E_ARCHIVE_MALFORMED') throw fault;
    const said = await words.find();
    throw said === undefined ? fault : brokenOff(options.name, said, fault);
  } finally {
    await words.close();
  }
}

function brokenOff(archive: string, said: string, cause: PackferryError): PackferryError {
  return new PackferryError(
    'E_IMAGE_INCOMPLETE',
    `${archive}: the engine broke off the save and said: ${said}`,
    { hint: 'Pull the image again on that engine, or take it from its registry.', cause },
  );
}
