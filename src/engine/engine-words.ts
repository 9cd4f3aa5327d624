export { plainWords as engineWords } from '../core/plain-words.ts';

interface KnownWords {
  readonly pattern: RegExp;
  readonly hint: string;
}

const diskFull = /no space left on device|disk quota exceeded/i;

/** The answers that engines are known to give when a load fails, in the words of moby, containerd and Podman. */
const known: readonly KnownWords[] = [
  {
    pattern: diskFull,
    hint: 'Free space on the disk of the engine (Docker: "docker system df"); a load may need twice the size of the image there. Then run again.',
  },
  {
    pattern:
      /open \S*blobs\/sha256\/\S+: no such file|content digest \S+: not found|layer tarfiles are missing/i,
    hint: 'The engine lost a layer that it had. Run again: what is missing is sent then.',
  },
  {
    pattern: /invalid diffID for layer|layers length mismatch|Digest did not match/i,
    hint: 'The config of the image and its layers contradict each other. Export the image again from its registry.',
  },
  {
    pattern: /does not match any of the supported image formats/i,
    hint: 'Podman tried every format that it knows and lists why each failed. Podman 4 or later takes these archives.',
  },
  {
    pattern: /invalid tar header/i,
    hint: 'The engine could not unpack a layer. Layers that are compressed with zstd need Docker 23 or later.',
  },
];

/** What to do about an engine's words, where they are known. */
export function hintFor(words: string): string | undefined {
  return known.find(({ pattern }) => pattern.test(words))?.hint;
}

/** Do an engine's words mean that its disk is full? */
export function saysFull(words: string): boolean {
  return diskFull.test(words);
}
