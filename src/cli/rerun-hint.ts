const isKept = 'images that are there by now are not brought again';

/** What a second run of a command need not do again. */
const kept: ReadonlyMap<string | undefined, string> = new Map([
  ['export', 'it goes on where this one stopped'],
  ['import', isKept],
  ['copy', isKept],
  ['sync', isKept],
]);

/** What to do after a command was stopped. */
export function rerunHint(command: string | undefined): string {
  const promise = kept.get(command);
  return promise === undefined ? 'Run the same command again.' : `Run the same command again: ${promise}.`;
}
