import { statSync } from 'node:fs';
import { InvalidArgumentError, Option } from 'commander';

/** `--with-importer [FILE]`. */
export function importerOption(): Option {
  return new Option(
    '--with-importer [file]',
    'also carry packferry as a program for linux-x64, for sites without Node: the one that "npm run importer" made, or this file',
  ).argParser(parseImporter);
}

/** The value may be left out, so what follows the option counts as the value: also a manifest that was meant as argument. */
function parseImporter(text: string): string {
  if (!/\.(?:ya?ml|json|zip|tar|tgz|gz)$/i.test(text) && !isFolder(text)) return text;
  throw new InvalidArgumentError(
    'That is no program. What is to be exported comes before this option: packferry export MANIFEST --with-importer.',
  );
}

function isFolder(file: string): boolean {
  try {
    return statSync(file).isDirectory();
  } catch {
    // Whoever opens the importer says what is wrong.
    return false;
  }
}
