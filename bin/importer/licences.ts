import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';

/** The licences of everything in the importer: packferry's own, those of the packages, and Node's. */
export async function licencesText(
  root: string,
  packages: readonly string[],
  node: { readonly file: string; readonly version: string },
): Promise<string> {
  const parts = [
    part('packferry', await readFile(path.join(root, 'LICENSE'), 'utf8')),
    part(`Node.js ${node.version}`, await licenceOfNode(node)),
  ];
  return [...parts, await packageLicences(root, packages)].join('\n');
}

/** The licences of packages that are in a file; their folders are relative to the project. */
export async function packageLicences(root: string, packages: readonly string[]): Promise<string> {
  const parts = await Promise.all(packages.map((folder) => packagePart(path.join(root, folder))));
  return parts.join('\n');
}

async function packagePart(folder: string): Promise<string> {
  const { name, version, license } = JSON.parse(
    await readFile(path.join(folder, 'package.json'), 'utf8'),
  ) as Record<string, unknown>;
  const files = (await readdir(folder)).filter((file) => /^(licen[cs]e|copying|notice)/i.test(file)).sort();
  const texts = await Promise.all(files.map((file) => readFile(path.join(folder, file), 'utf8')));
  // Old packages name it in other ways.
  const kind = typeof license === 'string' ? ` (${license})` : '';
  const header = `${String(name)} ${String(version)}${kind}`;
  return part(header, texts.join('\n'));
}

/** Node's licence lies one folder above the one of the program; a packaged Node has it elsewhere, or not at all. */
async function licenceOfNode({ file, version }: { file: string; version: string }): Promise<string> {
  const places = [path.resolve(file, '../../LICENSE'), '/usr/share/doc/nodejs/LICENSE'];
  for (const place of places) {
    const text = await readFile(place, 'utf8').catch(() => undefined);
    if (text?.startsWith('Node.js is licensed for use as follows') === true) return text;
  }
  return `MIT and others: https://github.com/nodejs/node/blob/${version}/LICENSE\n`;
}

function part(title: string, text: string): string {
  return `${title}\n${'-'.repeat(title.length)}\n\n${text.trimEnd()}\n`;
}
