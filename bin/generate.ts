// Writes the files that follow from the code: npm run generate.
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import process from 'node:process';
import { processContext } from '../src/cli/context.ts';
import { generatedFiles } from './generated.ts';

const root = path.resolve(import.meta.dirname, '../..');
for (const [file, text] of generatedFiles(processContext(new AbortController().signal))) {
  await mkdir(path.dirname(path.join(root, file)), { recursive: true });
  await writeFile(path.join(root, file), text);
  process.stdout.write(`${file}\n`);
}
