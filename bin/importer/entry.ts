// Where the self-contained importer starts: the command line, with what it otherwise reads from the project's files built in.
import { getAsset } from 'node:sea';
import process from 'node:process';
import { main } from '../../src/cli/main.ts';

/** Put here by the bundler, from package.json. */
declare const packferryTool: { readonly name: string; readonly version: string };

if (process.argv[2] === '--licences') {
  // A pager that is closed early is no fault.
  process.stdout.on('error', () => undefined);
  process.stdout.write(getAsset('licences', 'utf8'));
} else void main({ tool: packferryTool, importerFile: process.execPath, program: process.execPath });
