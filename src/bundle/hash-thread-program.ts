/** What a thread runs: a file, or a text where there are no files around the program. */
export interface ThreadProgram {
  readonly source: URL | string;
  readonly isText: boolean;
}

/** The program of the thread that hashes. In the single-file importer its text stands here (bin/importer). */
export const hashThreadProgram: ThreadProgram = {
  source: new URL('./hash-thread-worker.js', import.meta.url),
  isText: false,
};
